import type { Iptables } from "../../../shared/iptables/client.ts";
import { chainMayExist, nftChainExists } from "../../../shared/iptables/presence.ts";
import { targetOf } from "../../../shared/iptables/rule.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import { containerChain, dnatChain } from "../iptables/names.ts";
import { mapsOf } from "../nftables/table.ts";
import { publishers } from "./table.ts";

/**
 * Whether ports are published by others than the publishers of table `cni_localhost`: by the Go plugin, or by an earlier
 * version. They need `route_localnet` of an interface that is not known. Throws SystemError.
 */
export function othersPublish(nftables: Nftables, iptables: Iptables): boolean {
  const known = new Set(nftables.listElements(publishers).map(({ comment }) => comment));
  return publishInTables(nftables, known) || publishInIptables(nftables, iptables, known);
}

type Owners = ReadonlySet<string | undefined>;

function publishInTables(nftables: Nftables, known: Owners): boolean {
  const { addressTargets, portTargets } = mapsOf(4);
  const ours = [addressTargets, portTargets].flatMap((map) => nftables.listElements(map));
  if (ours.some(({ comment }) => !known.has(comment))) return true;
  const table = { family: "ip", name: "cni_hostport" } as const;
  return ["hostports", "hostip_hostports"].some((chain) => nftables.listRules(table, chain).length > 0);
}

function publishInIptables(nftables: Nftables, iptables: Iptables, known: Owners): boolean {
  if (!chainMayExist(4, "nat", dnatChain)) return false;
  const isOfNft = nftChainExists(4, "nat", dnatChain) === true;
  if (isOfNft && nftables.listRules({ family: "ip", name: "nat" }, dnatChain).length === 0) return false;
  const chains = new Set([...known].map(chainOfOwner));
  try {
    return iptables
      .read(4, "nat", [dnatChain])
      .rules(dnatChain)
      .some((rule) => !chains.has(targetOf(rule) ?? ""));
  } catch {
    // A table that cannot be read may hold somebody's rules.
    return true;
  }
}

/**
 * Returns an attachment's chain of iptables, from its comment `NETWORK/CONTAINER/IFNAME`; "" for a comment that was cut.
 */
function chainOfOwner(comment: string | undefined): string {
  const [network = "", container, ifname] = (comment ?? "").split("/");
  return container === undefined || ifname === undefined ? "" : containerChain(network, container);
}
