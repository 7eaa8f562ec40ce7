import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Result, ResultInterface } from "../../shared/cni/result.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { findLink, findLinkByIndex } from "../../shared/rtnetlink/link.ts";

/** The gateway of a VLAN: a veth whose peer is a port of the bridge. */
export interface VlanGateway {
  /** BRIDGE.VLAN */
  readonly name: string;
  readonly port: string;
}

/** True for the name of a gateway that plugin bridge creates for a VLAN of the bridge. */
export function isVlanGateway(bridge: string, name: string): boolean {
  return name.startsWith(`${bridge}.`) && /^\d+$/.test(name.slice(bridge.length + 1));
}

function vlanGateways(bridge: string, { interfaces }: Result): readonly ResultInterface[] {
  return interfaces.filter(({ name, sandbox = "" }) => sandbox === "" && isVlanGateway(bridge, name));
}

/**
 * The gateways of VLANs in a result whose peers are ports of its bridge. Asks the kernel for the ports, if the result has a
 * gateway. Throws SystemError, DecodeError.
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

/** The port of a bridge that is the peer of a link; undefined when the peer is none. */
function portBehind(rt: NetlinkSocket, name: string, bridge: number): string | undefined {
  const gateway = findLink(rt, name);
  // A peer in another namespace is a container's.
  if (gateway?.peerIndex === undefined || gateway.peerNetnsId !== undefined) return undefined;
  const port = findLinkByIndex(rt, gateway.peerIndex);
  return port?.master === bridge ? port.name : undefined;
}

/**
 * Asserts that the attachment has no gateway of a VLAN. Packets from a VLAN are routed from its gateway (BRIDGE.VLAN) to
 * other interfaces, so the rules of a policy, which are about the bridge, do not match them.
 *
 * @throws CniError code 105 when it has one.
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
