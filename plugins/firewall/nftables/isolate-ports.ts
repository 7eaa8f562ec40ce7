import { isErrno } from "../../../shared/errors/system-error.ts";
import { sameBytes } from "../../../shared/nftables/bytes.ts";
import { changeRuleset, hasNftables, type Nftables, openNftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import type { PortIsolation } from "../isolation.ts";
import { differenceOfGateways, differenceOfPorts } from "./difference.ts";
import { isolationTable, portElement, portMap } from "./isolation-table.ts";
import { changesOf, planPorts } from "./plan.ts";

/**
 * Isolates the ports of an attachment whose other rules are iptables'. Those rules do not see frames with a VLAN tag
 * (unless net.bridge.bridge-nf-filter-vlan-tagged is set), IPv6 when the container has no IPv6 address, and any frame
 * without br_netfilter. Every container can send such frames: it has link-local addresses and may use VLAN 0. Does nothing
 * when the kernel has no nf_tables for bridges, which CHECK reports. Throws SystemError.
 *
 * @param comment `ownerComment` of the attachment.
 * @param isolation undefined for policy "open".
 */
export function isolatePorts(comment: string, isolation: PortIsolation | undefined): void {
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

function plan(nftables: Nftables, comment: string, isolation: PortIsolation | undefined): Command[] {
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

/** The reason why an attachment's ports are not isolated, in words; undefined when they are. Throws SystemError. */
export function notIsolated(comment: string, isolation: PortIsolation): string | undefined {
  if (!hasNftables()) return "the kernel has no nf_tables";
  return differenceOfPorts(openNftables(), isolation, comment);
}

/** The reason why isolated ports do not reach the gateways of their VLANs; undefined when they do. Throws SystemError. */
export function notReached(isolation: PortIsolation): string | undefined {
  if (isolation.ports.length === 0 || !hasNftables()) return undefined;
  return differenceOfGateways(openNftables(), isolation);
}
