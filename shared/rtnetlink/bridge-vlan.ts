import { isErrno } from "../errors/system-error.ts";
import { AF_BRIDGE } from "../linux/socket.ts";
import { ByteReader, eachAttribute } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import type { NetlinkSocket } from "../netlink/client.ts";
import {
  IFLA_AF_SPEC,
  IFLA_EXT_MASK,
  RTEXT_FILTER_BRVLAN,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_SETLINK,
} from "./constants.ts";
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

/** The VLANs that a bridge port is a member of. Throws SystemError. */
export function listPortVlans(rt: NetlinkSocket, port: Port): PortVlan[] {
  const body = new AttributeWriter()
    .raw(linkHeader(0, 0, 0, AF_BRIDGE))
    .u32(IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN)
    .finish();
  return rt.dump("cannot list the VLANs of bridge ports", RTM_GETLINK, body).flatMap((message) => {
    const reader = new ByteReader(message.body);
    if (reader.i32(4) !== port.index) return [];
    return decodeVlans(reader.slice(16, reader.length));
  });
}

function decodeVlans(attributes: Uint8Array): PortVlan[] {
  const found: PortVlan[] = [];
  for (const { type, value } of eachAttribute(attributes)) {
    if (type !== IFLA_AF_SPEC) continue;
    for (const entry of eachAttribute(value)) {
      if (entry.type !== IFLA_BRIDGE_VLAN_INFO) continue;
      const reader = new ByteReader(entry.value);
      const flags = reader.u16(0);
      found.push({
        id: reader.u16(2),
        pvid: (flags & BRIDGE_VLAN_INFO_PVID) !== 0,
        untagged: (flags & BRIDGE_VLAN_INFO_UNTAGGED) !== 0,
      });
    }
  }
  return found;
}
