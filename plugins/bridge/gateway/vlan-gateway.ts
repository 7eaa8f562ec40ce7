import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import type { UndoStack } from "../../../shared/cni/undo-stack.ts";
import { isErrno } from "../../../shared/errors/system-error.ts";
import type { NetlinkSocket } from "../../../shared/netlink/client.ts";
import { deleteLink, findLink, type Link, setLink } from "../../../shared/rtnetlink/link.ts";
import { createVethPair } from "../../../shared/rtnetlink/veth.ts";
import { whileNobodyAttaches } from "../bridge-lock.ts";
import { joinVlans } from "../bridge-port.ts";
import { type BridgeConfig, vlanInterfaceName } from "../config.ts";
import { disableRouterAdvertisements, hasPorts } from "../host-bridge.ts";
import type { Places } from "../places.ts";

const attempts = 10;

/**
 * Makes sure that the host has an interface in the VLAN for the gateway address, BRIDGE.VLAN, and returns it: one end
 * of a veth pair whose other end is a port of the bridge. It stays for the containers that follow.
 *
 * @throws CniError
 */
export function ensureVlanGateway(
  { host: rt, hostNetns }: Places,
  bridge: Link,
  config: BridgeConfig,
  undo: UndoStack,
): Link {
  const name = vlanInterfaceName(config);
  for (let attempt = 1; ; attempt++) {
    const present = findLink(rt, name);
    if (present !== undefined) return usable(rt, name, present);
    try {
      const peerName = `veth${Math.random().toString(16).slice(2, 10).padEnd(8, "0")}`;
      createVethPair(rt, { name, mtu: bridge.mtu, peerName, peerNetns: hostNetns.fd });
      undo.push(() => takeBack(rt, name, bridge));
      connect(rt, peerName, bridge, config);
    } catch (error) {
      // Another call makes it at the same moment.
      if (!isErrno(error, "EEXIST") || attempt === attempts) throw error;
    }
  }
}

function usable(rt: NetlinkSocket, name: string, link: Link): Link {
  if (link.kind !== "veth") {
    throw new CniError(
      ErrorCode.conflict,
      `failed to create vlan interface: "${link.name}" already exists but is not a veth`,
      `the VLAN's gateway address belongs on a port of the bridge: remove ${link.name}, or use another VLAN or bridge`,
    );
  }
  disableRouterAdvertisements(name);
  if (!link.up) setLink(rt, link, { up: true });
  return link;
}

function connect(rt: NetlinkSocket, peerName: string, bridge: Link, config: BridgeConfig): void {
  const port = findLink(rt, peerName);
  if (port === undefined) return;
  disableRouterAdvertisements(peerName);
  setLink(rt, port, { up: true, master: bridge.index });
  joinVlans(rt, { bridge, port }, { ...config.vlans, trunk: [] });
}

/** Deletes a VLAN's interface that this call made, unless containers use the bridge: one may be in this VLAN. */
function takeBack(rt: NetlinkSocket, name: string, bridge: Link): void {
  whileNobodyAttaches(() => {
    const link = findLink(rt, name);
    if (link !== undefined && !hasPorts(rt, bridge, link)) deleteLink(rt, link);
  });
}
