import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Result, ResultInterface } from "../../shared/cni/result.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { findLink, findLinkByIndex } from "../../shared/rtnetlink/link.ts";

/** The gateway of a VLAN: one end of a veth, whose other end is a port of the bridge. */
export interface VlanGateway {
  /** BRIDGE.VLAN */
  readonly name: string;
  readonly port: string;
}

/** Whether an interface has the name of a gateway that plugin bridge makes for a VLAN of the bridge. */
export function isVlanGateway(bridge: string, name: string): boolean {
  return name.startsWith(`${bridge}.`) && /^\d+$/.test(name.slice(bridge.length + 1));
}

function vlanGateways(bridge: string, { interfaces }: Result): readonly ResultInterface[] {
  return interfaces.filter(({ name, sandbox = "" }) => sandbox === "" && isVlanGateway(bridge, name));
}

/**
 * The gateways of a result that lead into its bridge. Which port that is only the kernel tells; it is not asked when the
 * result names no gateway of a VLAN. Throws SystemError, DecodeError.
 */
export function findVlanGateways(bridge: string, result: Result): readonly VlanGateway[] {
  const names = vlanGateways(bridge, result).map(({ name }) => name);
  if (names.length === 0) return [];
  const rt = openRtnetlink();
  try {
    const master = findLink(rt, bridge);
    if (master === undefined) return [];
    return [...new Set(names)].flatMap((name) => {
      const port = portBehind(rt, name, master.index);
      return port === undefined ? [] : [{ name, port }];
    });
  } finally {
    rt.close();
  }
}

/** The port of a bridge that is the other end of a link. */
function portBehind(rt: NetlinkSocket, name: string, bridge: number): string | undefined {
  const gateway = findLink(rt, name);
  // An end in another namespace is a container's.
  if (gateway?.peerIndex === undefined || gateway.peerNetnsId !== undefined) return undefined;
  const port = findLinkByIndex(rt, gateway.peerIndex);
  return port?.master === bridge ? port.name : undefined;
}

/**
 * A policy is about a bridge. Packets between the VLANs of one, from a VLAN to another bridge, or back into the VLAN, are
 * routed from one gateway interface (BRIDGE.VLAN) to another or the same, and no rule about the bridge sees them.
 *
 * @throws CniError code 105 when the attachment has such a gateway.
 */
export function requireNoVlans(bridge: string, result: Result): void {
  const [gateway] = vlanGateways(bridge, result);
  if (gateway === undefined) return;
  throw new CniError(
    ErrorCode.checkMismatch,
    `ingressPolicy is not in force for what is routed by ${gateway.name}: the rules are about ${bridge}`,
    `keep VLANs, and what goes back into one, apart by rules of your own about ${gateway.name}, for example in the admin chain`,
  );
}
