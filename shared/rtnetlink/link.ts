import { Failure } from "../errors/failure.ts";
import { isErrno } from "../errors/system-error.ts";
import {
  Attributes,
  ByteReader,
  DecodeError,
  eachAttribute,
  textUpToZero,
} from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import type { NetlinkSocket } from "../netlink/client.ts";
import type { Message } from "../netlink/message.ts";
import {
  IFLA_ADDRESS,
  IFLA_ALT_IFNAME,
  IFLA_BR_MULTI_BOOLOPT,
  IFLA_BR_VLAN_DEFAULT_PVID,
  IFLA_BR_VLAN_FILTERING,
  IFLA_EXT_MASK,
  IFLA_GROUP,
  IFLA_IFALIAS,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINK,
  IFLA_LINK_NETNSID,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  IFLA_OPERSTATE,
  IFLA_PROMISCUITY,
  IFLA_PROP_LIST,
  IFLA_TXQLEN,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
  RTM_SETLINK,
} from "./constants.ts";
import { formatMac, parseMac } from "./hardware-address.ts";

/** enum br_boolopt_id (linux/if_bridge.h), as a bit. */
export const BR_BOOLOPT_NO_LL_LEARN = 1 << 0;

// linux/if.h
const IFF_UP = 0x1;
const IFF_PROMISC = 0x100;
const IFF_ALLMULTI = 0x200;
const IFF_LOWER_UP = 0x10000;

/** RFC 2863 operational states (linux/if.h), by number. */
const operStates = [
  "unknown",
  "not-present",
  "down",
  "lower-layer-down",
  "testing",
  "dormant",
  "up",
] as const;
type OperState = (typeof operStates)[number];

/** A network interface as the kernel describes it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** "veth", "bridge", …; "" for links without a kind, such as lo. */
  readonly kind: string;
  readonly mac: string;
  readonly mtu: number;
  readonly txQueueLength: number;
  readonly up: boolean;
  readonly carrier: boolean;
  /** The flag that an administrator set. */
  readonly promisc: boolean;
  /** How many users asked for promiscuous mode, packet captures and bridges among them. */
  readonly promiscuity: number;
  readonly allmulti: boolean;
  readonly operState: OperState;
  /** Index of the bridge (or other master) this is a port of. */
  readonly master?: number;
  /** Index of the other end of a veth pair, in that end's namespace. */
  readonly peerIndex?: number;
  /** Set when the other end is in another namespace. */
  readonly peerNetnsId?: number;
  readonly alias?: string;
  /** A number by which people treat links alike; 0 by default. */
  readonly group: number;
  /** What only a bridge has. */
  readonly bridge?: BridgeSettings;
}

interface BridgeSettings {
  /** Frames are kept apart by VLAN. */
  readonly vlanFiltering: boolean;
  /** VLAN that new ports belong to; 0 for none. */
  readonly defaultPvid: number;
  /** MACs are not learned from frames to 01:80:c2:00:00:0X. Kernels before 5.0 always learn them. */
  readonly noLinkLocalLearn: boolean;
}

/** What `setLink` changes; absent members stay as they are. */
interface LinkChanges {
  readonly up?: boolean;
  readonly mac?: string;
  readonly mtu?: number;
  readonly txQueueLength?: number;
  readonly promisc?: boolean;
  readonly allmulti?: boolean;
  /** Index of the new master; 0 takes the link out of its master. */
  readonly master?: number;
  /** Text for people, at most 255 bytes; "" removes it. */
  readonly alias?: string;
  readonly group?: number;
}

/** struct ifinfomsg (linux/rtnetlink.h). */
export function linkHeader(index: number, flags = 0, change = 0, family = 0): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setUint8(0, family);
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return new Uint8Array(view.buffer);
}

/** The link of this name in the socket's namespace; undefined when there is none. Throws SystemError, DecodeError. */
export function findLink(rt: NetlinkSocket, name: string): Link | undefined {
  const body = new AttributeWriter()
    .raw(linkHeader(0))
    .text(IFLA_IFNAME, name)
    .u32(IFLA_EXT_MASK, 0)
    .finish();
  return getLink(rt, `cannot look up link "${name}"`, body, (message) => hasName(message, name));
}

/** The link with this index in the socket's namespace; undefined when there is none. Throws SystemError, DecodeError. */
export function findLinkByIndex(rt: NetlinkSocket, index: number): Link | undefined {
  const body = new AttributeWriter().raw(linkHeader(index)).finish();
  const isIt = (message: Message): boolean => new ByteReader(message.body).i32(4) === index;
  return getLink(rt, `cannot look up link ${index}`, body, isIt);
}

/** The link of this name. Throws Failure when there is none. */
export function requireLink(rt: NetlinkSocket, name: string): Link {
  const link = findLink(rt, name);
  if (link !== undefined) return link;
  throw new Failure("refused", `failed to lookup "${name}": ENODEV, link not found`);
}

/** Links have alternative names as well, by which they are found (ip-link(8), altname). */
function hasName({ body }: Message, name: string): boolean {
  const attributes = linkAttributes(body);
  if (attributes.text(IFLA_IFNAME) === name) return true;
  const others = eachAttribute(attributes.bytes(IFLA_PROP_LIST) ?? new Uint8Array(0));
  return others.some(({ type, value }) => type === IFLA_ALT_IFNAME && textUpToZero(value) === name);
}

function getLink(
  rt: NetlinkSocket,
  operation: string,
  body: Uint8Array,
  isAskedFor: (message: Message) => boolean,
): Link | undefined {
  let answers: readonly Message[];
  try {
    answers = rt.request(operation, RTM_GETLINK, 0, body);
  } catch (error) {
    // A name longer than 15 bytes names nothing.
    if (isErrno(error, "ENODEV", "ERANGE")) return undefined;
    throw error;
  }
  const [message] = answers;
  if (message === undefined) return undefined;
  if (message.type === RTM_NEWLINK && isAskedFor(message)) return decodeLink(message);
  throw new DecodeError(`${operation}: the answer is about something else`);
}

/** All links of the socket's namespace, or the ports of one master. Throws SystemError. */
export function listLinks(rt: NetlinkSocket, filter: { master?: number } = {}): Link[] {
  const body = new AttributeWriter().raw(linkHeader(0)).u32(IFLA_EXT_MASK, 0);
  if (filter.master !== undefined) body.u32(IFLA_MASTER, filter.master);
  const links = rt.dump("cannot list links", RTM_GETLINK, body.finish()).map(decodeLink);
  // Older kernels ignore the filter.
  return filter.master === undefined ? links : links.filter((link) => link.master === filter.master);
}

/** What follows struct ifinfomsg. */
function linkAttributes(body: Uint8Array): Attributes {
  return new Attributes(new ByteReader(body).slice(16, body.length));
}

/** What the kernel lets a link be called, as far as paths are concerned (dev_valid_name in net/core/dev.c). */
function isLinkName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/ \t\n\v\f\r]/.test(name);
}

/** Throws DecodeError, also for a name that the kernel gives to no link. */
export function decodeLink(message: Message): Link {
  const reader = new ByteReader(message.body);
  const flags = reader.u32(8);
  const attributes = linkAttributes(message.body);
  const name = attributes.text(IFLA_IFNAME) ?? "";
  if (!isLinkName(name)) throw new DecodeError(`a link called ${JSON.stringify(name)}`);
  const kind = attributes.nested(IFLA_LINKINFO)?.text(IFLA_INFO_KIND) ?? "";
  const master = attributes.u32(IFLA_MASTER);
  const peerIndex = kind === "veth" ? attributes.u32(IFLA_LINK) : undefined;
  const peerNetnsId = attributes.i32(IFLA_LINK_NETNSID);
  const alias = attributes.text(IFLA_IFALIAS);
  const bridge = kind === "bridge" ? decodeBridge(attributes) : undefined;
  return {
    index: reader.i32(4),
    name,
    kind,
    mac: formatMac(attributes.bytes(IFLA_ADDRESS) ?? new Uint8Array(0)),
    mtu: attributes.u32(IFLA_MTU) ?? 0,
    txQueueLength: attributes.u32(IFLA_TXQLEN) ?? 0,
    up: (flags & IFF_UP) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0,
    promisc: (flags & IFF_PROMISC) !== 0,
    promiscuity: attributes.u32(IFLA_PROMISCUITY) ?? 0,
    allmulti: (flags & IFF_ALLMULTI) !== 0,
    group: attributes.u32(IFLA_GROUP) ?? 0,
    operState: operStates[attributes.u8(IFLA_OPERSTATE) ?? 0] ?? "unknown",
    ...(master === undefined || master === 0 ? {} : { master }),
    ...(peerIndex === undefined || peerIndex === 0 ? {} : { peerIndex }),
    ...(peerNetnsId === undefined ? {} : { peerNetnsId }),
    ...(alias === undefined ? {} : { alias }),
    ...(bridge === undefined ? {} : { bridge }),
  };
}

function decodeBridge(link: Attributes): BridgeSettings {
  const data = link.nested(IFLA_LINKINFO)?.nested(IFLA_INFO_DATA);
  const options = data?.bytes(IFLA_BR_MULTI_BOOLOPT);
  return {
    vlanFiltering: data?.u8(IFLA_BR_VLAN_FILTERING) === 1,
    defaultPvid: data?.u16(IFLA_BR_VLAN_DEFAULT_PVID) ?? 0,
    // struct br_boolopt_multi: which options are on, then which ones the kernel tells of.
    noLinkLocalLearn: ((options?.[0] ?? 0) & BR_BOOLOPT_NO_LL_LEARN) !== 0,
  };
}

/** Changes a link in one request. Throws SystemError; Failure `invalid` for a malformed MAC. */
export function setLink(
  rt: NetlinkSocket,
  link: { index: number; name: string },
  changes: LinkChanges,
): void {
  let flags = 0;
  let change = 0;
  const setFlag = (bit: number, on: boolean | undefined): void => {
    if (on === undefined) return;
    change |= bit;
    if (on) flags |= bit;
  };
  setFlag(IFF_UP, changes.up);
  setFlag(IFF_PROMISC, changes.promisc);
  setFlag(IFF_ALLMULTI, changes.allmulti);
  const body = new AttributeWriter().raw(linkHeader(link.index, flags, change));
  if (changes.mac !== undefined) body.bytes(IFLA_ADDRESS, requireMac(changes.mac));
  if (changes.mtu !== undefined) body.u32(IFLA_MTU, changes.mtu);
  if (changes.txQueueLength !== undefined) body.u32(IFLA_TXQLEN, changes.txQueueLength);
  if (changes.master !== undefined) body.u32(IFLA_MASTER, changes.master);
  if (changes.alias !== undefined) body.text(IFLA_IFALIAS, changes.alias);
  if (changes.group !== undefined) body.u32(IFLA_GROUP, changes.group);
  rt.request(`cannot set ${describe(changes)} of "${link.name}"`, RTM_SETLINK, 0, body.finish());
}

function describe(changes: LinkChanges): string {
  return Object.entries(changes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key} ${value}`)
    .join(", ");
}

/** The bytes of a MAC. Throws Failure `invalid`. */
export function requireMac(text: string): Uint8Array {
  const bytes = parseMac(text);
  if (bytes !== undefined) return bytes;
  throw new Failure("invalid", `address ${text}: invalid MAC address`, {
    advice: "write it as six pairs of hex digits, for example 02:00:00:00:00:01",
  });
}

/** Deletes a link; nothing happens when it is gone already. Throws SystemError. */
export function deleteLink(rt: NetlinkSocket, link: { index: number; name: string }): void {
  try {
    rt.request(`failed to delete "${link.name}"`, RTM_DELLINK, 0, linkHeader(link.index));
  } catch (error) {
    if (!isErrno(error, "ENODEV")) throw error;
  }
}
