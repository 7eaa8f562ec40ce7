import type { AttachmentKey } from "../../shared/cni/attachment-key.ts";
import { withContext } from "../../shared/cni/errors/as-cni-error.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { ownerAlias } from "../../shared/cni/owner-alias.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { setBridgePort } from "../../shared/rtnetlink/bridge.ts";
import { addPortVlan, deletePortVlan } from "../../shared/rtnetlink/bridge-vlan.ts";
import { findLink, type Link, setLink } from "../../shared/rtnetlink/link.ts";
import type { BridgeConfig } from "./config.ts";
import { planPortVlans, type VlanConfig } from "./vlans.ts";

/** A bridge, and a link that becomes or is its port. */
interface BridgePort {
  readonly bridge: Link;
  readonly port: Link;
}

/**
 * Makes the host's end of an attachment a port of the bridge: up, and with the attachment's alias.
 *
 * @returns false when the bridge was removed meanwhile.
 * @throws CniError
 */
export function attachToBridge(
  rt: NetlinkSocket,
  { bridge, port }: BridgePort,
  key: AttachmentKey,
  config: BridgeConfig,
): boolean {
  try {
    setLink(rt, port, { up: true, alias: ownerAlias(key), master: bridge.index, group: 0 });
    setBridgePort(rt, port, { hairpin: config.hairpinMode });
    // Kernels before 4.18 do not know port isolation, and do not isolate either.
    if (config.portIsolation) setBridgePort(rt, port, { isolated: true });
    joinVlans(rt, { bridge, port }, config.vlans);
  } catch (error) {
    if (isBridgeGone(rt, bridge)) return false;
    throw withContext(`failed to connect "${port.name}" to bridge ${bridge.name}`, error);
  }
  assertMtuFits(rt, bridge, config.mtu);
  return true;
}

/** True when somebody has removed a bridge, even if another one has its name by now. */
export function isBridgeGone(rt: NetlinkSocket, bridge: Link): boolean {
  return findLink(rt, bridge.name)?.index !== bridge.index;
}

/** A bridge drops frames that are longer than its own MTU, without telling. */
function assertMtuFits(rt: NetlinkSocket, bridge: Link, mtu: number): void {
  // Without other ports, the bridge may just have taken on the new one's.
  const current = findLink(rt, bridge.name)?.mtu;
  if (current === undefined || mtu <= current) return;
  throw new CniError(
    ErrorCode.conflict,
    `mtu ${mtu} is above the ${current} of bridge "${bridge.name}"`,
    `an existing bridge keeps its MTU: lower "mtu", or: ip link set ${bridge.name} mtu ${mtu}`,
  );
}

/** Puts a new port into its VLANs. Throws SystemError. */
export function joinVlans(rt: NetlinkSocket, { bridge, port }: BridgePort, vlans: VlanConfig): void {
  const { leave, join } = planPortVlans(vlans, bridge.bridge?.defaultPvid ?? 0);
  for (const id of leave) deletePortVlan(rt, port, id);
  for (const vlan of join) addPortVlan(rt, port, vlan);
}
