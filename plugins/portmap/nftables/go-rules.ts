import type { IpAddress } from "../../../shared/ip/address.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addressValue } from "../../../shared/nftables/data-type.ts";
import { deleteRule, type ListedRule } from "../../../shared/nftables/rule.ts";

/** Those of the Go plugin's chains that hold rules of containers. */
const chains = ["hostports", "hostip_hostports", "masquerading"] as const;

/**
 * The commands that remove what the Go plugin's nftables backend has made for a container. Its rules tell the
 * container's ID only, so those of the container's other networks look alike: where the addresses of this network are
 * known, only rules that name one of them are removed; otherwise all of the container, as the Go plugin does.
 */
export function planGoRemoval(
  nftables: Nftables,
  family: 4 | 6,
  containerId: string,
  addresses: readonly IpAddress[],
): Command[] {
  const table = { family: family === 4 ? "ip" : "ip6", name: "cni_hostport" } as const;
  if (nftables.getTable(table) === undefined) return [];
  const ofFamily = addresses.filter((address) => address.family === family);
  return chains
    .flatMap((chain) => nftables.findRules(table, chain, containerId))
    .filter(({ comment }) => comment === containerId)
    .filter((rule) => ofFamily.length === 0 || ofFamily.some((address) => names(rule, address)))
    .map(deleteRule);
}

/** Whether an address stands in a rule, to be compared with or as destination. */
function names({ expressions }: ListedRule, address: IpAddress): boolean {
  const value = addressValue(address);
  return expressions.some(
    (expression) =>
      (expression.kind === "cmp" || expression.kind === "immediate") &&
      Buffer.compare(expression.value, value) === 0,
  );
}
