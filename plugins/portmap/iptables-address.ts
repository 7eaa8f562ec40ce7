import type { IpAddress } from "../../shared/ip/address.ts";
import { legacyTableExists } from "../../shared/iptables/legacy-table.ts";
import { hasNftables, type Nftables, openNftables } from "../../shared/nftables/client.ts";
import type { TableName } from "../../shared/nftables/command.ts";
import { addressValue } from "../../shared/nftables/data-type.ts";
import { containerChainPrefix, dnatChain } from "./names.ts";

/** With more chains, to go through all rules of the table costs less than to ask for each chain. */
const maxChains = 32;

/**
 * Whether iptables may have a rule of another container that leads to an address, found out without a program where
 * iptables is that of nf_tables. Of iptables-legacy only the program tells.
 *
 * @param own the container's own chain.
 */
export function mayLeadTo(address: IpAddress, own: string): boolean {
  const { family } = address;
  if (legacyTableExists(family, "nat")) return true;
  if (!hasNftables()) return false;
  const table = { family: family === 4 ? "ip" : "ip6", name: "nat" } as const;
  return chainsLeadingTo(openNftables(), table, addressValue(address)).some((chain) => chain !== own);
}

function chainsLeadingTo(nftables: Nftables, table: TableName, address: Uint8Array): string[] {
  if (nftables.getChain({ table, name: dnatChain }) === undefined) return [];
  const chains = new Set(
    nftables
      .listRules(table, dnatChain)
      .flatMap(({ expressions }) => expressions)
      .flatMap((expression) =>
        expression.kind === "verdict" && "chain" in expression.verdict ? [expression.verdict.chain] : [],
      )
      .filter((chain) => chain.startsWith(containerChainPrefix)),
  );
  return chains.size > maxChains
    ? nftables.chainsHolding(table, undefined, address).filter((chain) => chains.has(chain))
    : [...chains].flatMap((chain) => nftables.chainsHolding(table, chain, address));
}
