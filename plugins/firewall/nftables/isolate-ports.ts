import { isErrno } from "../../../shared/errors/system-error.ts";
import { sameBytes } from "../../../shared/nftables/bytes.ts";
import { changeRuleset, hasNftables, type Nftables, openNftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { differenceOfGateways, differenceOfPorts } from "./difference.ts";
import { isolationTable, portElement, portMap } from "./isolation-table.ts";
import { changesOf } from "./plan-add.ts";
import { planPorts } from "./plan-policy.ts";
import type { BridgePolicy } from "./wanted.ts";

/**
 * Isolates the ports of an attachment whose other rules are iptables'. Those see neither what has a VLAN tag (unless
 * net.bridge.bridge-nf-filter-vlan-tagged), nor IPv6 where the container has no address of it, nor anything without
 * br_netfilter; the kernel's link-local addresses and priority tags (VLAN 0) need nobody's consent. Where the kernel
 * has no nf_tables for bridges nothing is done: CHECK says so. Throws SystemError.
 *
 * @param comment the owner.
 * @param isolation undefined for policy "open".
 */
export function isolatePorts(comment: string, isolation: BridgePolicy | undefined): void {
  if (!hasNftables()) return;
  const nftables = openNftables();
  // Without the table there is nothing to take back.
  if (isolation?.policy !== "isolated" && nftables.getTable(isolationTable) === undefined) return;
  try {
    changeRuleset(nftables, () => ({ commands: plan(nftables, comment, isolation) }));
  } catch (error) {
    if (!isErrno(error, "EOPNOTSUPP", "EAFNOSUPPORT", "EPROTONOSUPPORT", "ENOENT")) throw error;
  }
}

function plan(nftables: Nftables, comment: string, isolation: BridgePolicy | undefined): Command[] {
  const wanted =
    isolation?.policy === "isolated"
      ? isolation.ports.map((port) => portElement(port, isolation.bridge, comment))
      : [];
  const { missing, outdated } = changesOf(nftables, portMap, wanted);
  const former = nftables
    .findElements(portMap, comment)
    .filter((element) => element.comment === comment)
    .filter(({ key }) => ![...wanted, ...outdated].some((other) => sameBytes(other.key, key)));
  return planPorts(nftables, isolation, missing, [...outdated, ...former]);
}

/** What keeps an attachment's ports from being isolated, in words; undefined when they are. Throws SystemError. */
export function notIsolated(comment: string, isolation: BridgePolicy): string | undefined {
  if (!hasNftables()) return "the kernel has no nf_tables";
  return differenceOfPorts(openNftables(), isolation, comment);
}

/** What keeps isolated ports from the gateways of their VLANs, in words; undefined when nothing does. Throws SystemError. */
export function notReached(isolation: BridgePolicy): string | undefined {
  if (isolation.ports.length === 0 || !hasNftables()) return undefined;
  return differenceOfGateways(openNftables(), isolation);
}
