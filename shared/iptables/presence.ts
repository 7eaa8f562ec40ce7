import { type IpAddress, ipToBytes } from "../ip/address.ts";
import { sameBytes } from "../nftables/bytes.ts";
import { hasNftables, type Nftables, openNftables } from "../nftables/client.ts";
import type { TableName } from "../nftables/command.ts";
import { legacyChainExists, legacyRuleNames } from "./legacy-table.ts";
import type { Family } from "./which.ts";

/**
 * Whether a table may hold a chain of this name, be it that of iptables-nft or of iptables-legacy: found out without a
 * program, and whatever `iptables` is here. Called in the namespace concerned.
 *
 * @returns false only when there is no such chain.
 */
export function chainMayExist(family: Family, table: "nat" | "filter", chain: string): boolean {
  return chainExists(family, table, chain) !== false;
}

/**
 * Whether a table of either iptables holds a chain of this name. Called in the namespace concerned.
 *
 * @returns undefined when the kernel does not tell.
 */
export function chainExists(family: Family, table: "nat" | "filter", chain: string): boolean | undefined {
  const inNft = nftChainExists(family, table, chain);
  if (inNft === true) return true;
  const inLegacy = legacyChainExists(family, table, chain);
  return inLegacy === false ? inNft : inLegacy;
}

/**
 * Whether a rule in a chain of either iptables is about this one address.
 *
 * @returns undefined when the kernel does not tell.
 */
export function ruleNames(table: "nat" | "filter", chain: string, address: IpAddress): boolean | undefined {
  const inNft = nftRuleNames(table, chain, address);
  if (inNft === true) return true;
  const inLegacy = legacyRuleNames(table, chain, address);
  return inLegacy === false ? inNft : inLegacy;
}

/**
 * Whether a table of iptables-nft holds a chain of this name. Called in the namespace concerned.
 *
 * @returns undefined when the kernel does not tell.
 */
export function nftChainExists(family: Family, table: "nat" | "filter", chain: string): boolean | undefined {
  return fromNftables(
    (nftables) => nftables.getChain({ table: nftTable(family, table), name: chain }) !== undefined,
  );
}

/** iptables-nft compares an address with bytes that are a part of its rule as they are. */
function nftRuleNames(table: "nat" | "filter", chain: string, address: IpAddress): boolean | undefined {
  const bytes = ipToBytes(address);
  return fromNftables((nftables) =>
    nftables
      .listRules(nftTable(address.family, table), chain)
      .some(({ expressions }) =>
        expressions.some((expression) => expression.kind === "cmp" && sameBytes(expression.value, bytes)),
      ),
  );
}

function nftTable(family: Family, table: "nat" | "filter"): TableName {
  return { family: family === 4 ? "ip" : "ip6", name: table };
}

/** Undefined when the kernel does not tell: the programs will say why in words. */
function fromNftables(ask: (nftables: Nftables) => boolean): boolean | undefined {
  try {
    return hasNftables() ? ask(openNftables()) : undefined;
  } catch {
    return undefined;
  }
}
