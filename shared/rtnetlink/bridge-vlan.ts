import { isErrno } from "../errors/system-error.ts";
import { AF_BRIDGE } from "../linux/socket.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import type { NetlinkSocket } from "../netlink/client.ts";
import { IFLA_AF_SPEC, RTM_DELLINK, RTM_SETLINK } from "./constants.ts";
import { linkHeader } from "./link.ts";

// linux/if_bridge.h
const IFLA_BRIDGE_FLAGS = 0;
const IFLA_BRIDGE_VLAN_INFO = 2;
const BRIDGE_FLAGS_MASTER = 1;
const BRIDGE_VLAN_INFO_PVID = 0x2;
const BRIDGE_VLAN_INFO_UNTAGGED = 0x4;

/** Membership of a bridge port in a VLAN. */
export interface PortVlan {
  readonly id: number;
  /** Untagged frames that come in belong to it. */
  readonly pvid: boolean;
  /** Frames of it leave without a tag. */
  readonly untagged: boolean;
}

type Port = { readonly index: number; readonly name: string };

/** Makes a bridge port a member of a VLAN, or changes its membership. Throws SystemError. */
export function addPortVlan(rt: NetlinkSocket, port: Port, vlan: PortVlan): void {
  rt.request(
    `cannot add VLAN ${vlan.id} to bridge port "${port.name}"`,
    RTM_SETLINK,
    0,
    vlanBody(port, vlan),
  );
}

/** Ends a bridge port's membership in a VLAN; nothing happens when it is no member. Throws SystemError. */
export function deletePortVlan(rt: NetlinkSocket, port: Port, id: number): void {
  const body = vlanBody(port, { id, pvid: false, untagged: false });
  try {
    rt.request(`cannot remove VLAN ${id} from bridge port "${port.name}"`, RTM_DELLINK, 0, body);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

function vlanBody(port: Port, { id, pvid, untagged }: PortVlan): Uint8Array {
  const flags = (pvid ? BRIDGE_VLAN_INFO_PVID : 0) | (untagged ? BRIDGE_VLAN_INFO_UNTAGGED : 0);
  const info = new DataView(new ArrayBuffer(4));
  info.setUint16(0, flags, true);
  info.setUint16(2, id, true);
  return new AttributeWriter()
    .raw(linkHeader(port.index, 0, 0, AF_BRIDGE))
    .nested(IFLA_AF_SPEC, (spec) =>
      spec
        .u16(IFLA_BRIDGE_FLAGS, BRIDGE_FLAGS_MASTER)
        .bytes(IFLA_BRIDGE_VLAN_INFO, new Uint8Array(info.buffer)),
    )
    .finish();
}
