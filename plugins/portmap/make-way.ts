import type { Request } from "../../shared/cni/plugin.ts";
import type { IpAddress } from "../../shared/ip/address.ts";
import type { TablePart } from "../../shared/iptables/client.ts";
import type { Ruleset } from "../../shared/iptables/ruleset.ts";
import type { Transaction } from "../../shared/iptables/transaction.ts";
import { changeRulesIfAvailable } from "../../shared/iptables/transitional.ts";
import { hasNftables, openNftables } from "../../shared/nftables/client.ts";
import type { Holders } from "./holders.ts";
import { mayLeadTo } from "./iptables-address.ts";
import { holdersAt, leadsOnlyTo } from "./iptables-holders.ts";
import { containerChain, dnatChain } from "./names.ts";
import { clearAddress } from "./nftables/address.ts";
import { planRemoval } from "./plan.ts";
import { type PublishedPort, publishedPorts } from "./published.ts";
import { forgetLeftConnections } from "./stale-connections.ts";

/*
 * What leads to a container's new addresses from containers that are gone is removed from both backends: it would be
 * reached by ports that it never published, and nobody else could have them.
 */

/** Clears the way to an address in nf_tables. Throws CniError. */
export function makeWayInNftables(request: Request, address: IpAddress, holders: Holders): void {
  if (!hasNftables()) return;
  const left = clearAddress(openNftables(), address, request, holders);
  forgetLeftConnections(address.family, left);
}

/** The same in iptables, for families where the ADD does not plan changes of its own. Throws CniError. */
export function makeWayInIptables(request: Request, address: IpAddress, holders: Holders): void {
  const own = containerChain(request.network, request.containerId);
  if (!mayLeadTo(address, own)) return;
  let left: readonly PublishedPort[] = [];
  const plan = (current: Ruleset): Transaction => {
    const gone = goneChainsAt(request, current, address, holders);
    left = publishedPorts(current, gone);
    return planRemoval(current, gone);
  };
  const part: TablePart = { chains: [dnatChain], suffices: (current) => leadsOnlyTo(current, own) };
  holders.decide(() => changeRulesIfAvailable(address.family, "nat", plan, { part }));
  forgetLeftConnections(address.family, left);
}

/** Chains of containers that are gone, but lead to an address. Those of the container's own networks stay. */
export function goneChainsAt(
  { network, containerId }: Request,
  current: Ruleset,
  address: IpAddress,
  holders: Holders,
): string[] {
  const own = containerChain(network, containerId);
  const isSpared = (chain: string, name: string) =>
    chain === own || containerChain(name, containerId) === chain;
  const held = holdersAt(current, address, isSpared);
  const isGone = holders.verdicts(held.map(({ holder }) => holder));
  return [...new Set(held.filter(({ holder }) => isGone(holder)).map(({ chain }) => chain))];
}
