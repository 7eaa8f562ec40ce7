import { type IpAddress, ipFromBytes, ipToBytes } from "../ip/address.ts";
import { Attributes, attributeEnd, findAttribute } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";

// linux/netfilter/nfnetlink_conntrack.h
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_ZONE = 18;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_IP_V4_DST = 2;
const CTA_IP_V6_SRC = 3;
const CTA_IP_V6_DST = 4;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_SRC_PORT = 2;
const CTA_PROTO_DST_PORT = 3;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
// net/netfilter/nf_internals.h
const CTA_FILTER_F_CTA_IP_SRC = 1 << 0;
const CTA_FILTER_F_CTA_PROTO_NUM = 1 << 3;
const CTA_FILTER_F_CTA_PROTO_SRC_PORT = 1 << 4;
const CTA_FILTER_F_CTA_PROTO_DST_PORT = 1 << 5;

/** One direction of a connection. */
interface Tuple {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** A tracked connection. */
export interface ConntrackEntry {
  /** IP protocol number: 17 UDP, 132 SCTP. */
  readonly protocol: number;
  /** As the first packet came in, before address translation. */
  readonly original: Tuple;
  /** As answers come in. Its source is where address translation leads to. */
  readonly reply: Tuple;
  /** What the kernel finds this entry by, as it was received. */
  readonly key: EntryKey;
}

interface EntryKey {
  readonly originalTuple: Uint8Array;
  readonly zone: Uint8Array | undefined;
  readonly id: Uint8Array | undefined;
}

/** Selects the connections that match every member given. */
export interface EntryFilter {
  readonly protocol?: number;
  /** Destination port of the original direction; needs the protocol. */
  readonly destinationPort?: number;
  /** Who made the connection: source of the original direction. */
  readonly source?: IpAddress;
  /** Who answers, after address translation: source of the reply direction. */
  readonly answeredBy?: IpAddress;
  /** Source port of the reply direction; needs the protocol. */
  readonly answeredFromPort?: number;
}

/** Decodes the attributes of one entry; undefined when it is none. Protocols without ports have 0. Throws DecodeError. */
export function decodeEntry(bytes: Uint8Array): ConntrackEntry | undefined {
  const attributes = new Attributes(bytes);
  const originalTuple = attributes.bytes(CTA_TUPLE_ORIG);
  const original = decodeTuple(attributes.nested(CTA_TUPLE_ORIG));
  const reply = decodeTuple(attributes.nested(CTA_TUPLE_REPLY));
  if (originalTuple === undefined || original === undefined || reply === undefined) return undefined;
  return {
    protocol: original.protocol,
    original: original.tuple,
    reply: reply.tuple,
    key: { originalTuple, zone: attributes.bytes(CTA_ZONE), id: attributes.bytes(CTA_ID) },
  };
}

/**
 * A quick test of an entry's attributes, which leaves little of a large table to be decoded: false when no filter can
 * mean the entry, by its addresses alone.
 */
export function addressTest(
  filters: readonly EntryFilter[],
): (bytes: Uint8Array, start: number, end: number) => boolean {
  const wanted = filters.flatMap(({ source, answeredBy }) => {
    if (source !== undefined) return [addressOf(CTA_TUPLE_ORIG, source)];
    return answeredBy === undefined ? [] : [addressOf(CTA_TUPLE_REPLY, answeredBy)];
  });
  if (wanted.length < filters.length) return () => true;
  return (bytes, start, end) =>
    wanted.some((address) => hasSource(bytes, findAttribute(bytes, start, end, address.tuple), address));
}

interface WantedAddress {
  readonly tuple: number;
  readonly type: number;
  readonly value: Uint8Array;
}

function addressOf(tuple: number, address: IpAddress): WantedAddress {
  return { tuple, type: address.family === 4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, value: ipToBytes(address) };
}

function hasSource(bytes: Uint8Array, tupleStart: number, { type, value }: WantedAddress): boolean {
  const source = within(bytes, within(bytes, tupleStart, CTA_TUPLE_IP), type);
  if (source < 0 || attributeEnd(bytes, source) - source !== value.length) return false;
  for (let index = 0; index < value.length; index++) {
    if (bytes[source + index] !== value[index]) return false;
  }
  return true;
}

function within(attributes: Uint8Array, start: number, type: number): number {
  return start < 0 ? -1 : findAttribute(attributes, start, attributeEnd(attributes, start), type);
}

function decodeTuple(attributes: Attributes | undefined): { protocol: number; tuple: Tuple } | undefined {
  const ip = attributes?.nested(CTA_TUPLE_IP);
  const proto = attributes?.nested(CTA_TUPLE_PROTO);
  const source = ipFromBytes(ip?.bytes(CTA_IP_V4_SRC) ?? ip?.bytes(CTA_IP_V6_SRC) ?? new Uint8Array());
  const destination = ipFromBytes(ip?.bytes(CTA_IP_V4_DST) ?? ip?.bytes(CTA_IP_V6_DST) ?? new Uint8Array());
  const protocol = proto?.u8(CTA_PROTO_NUM);
  const sourcePort = proto?.u16be(CTA_PROTO_SRC_PORT) ?? 0;
  const destinationPort = proto?.u16be(CTA_PROTO_DST_PORT) ?? 0;
  if (source === undefined || destination === undefined || protocol === undefined) return undefined;
  return { protocol, tuple: { source, destination, sourcePort, destinationPort } };
}

/** The attributes that restrict a request to some connections; none for an empty filter. Kernels before 5.8 ignore them. */
export function encodeFilter(filter: EntryFilter): Uint8Array {
  const { protocol, destinationPort, source, answeredBy, answeredFromPort } = filter;
  const original: HalfFilter = { source, protocol, destinationPort };
  const reply: HalfFilter = {
    source: answeredBy,
    protocol: answeredFromPort === undefined ? undefined : protocol,
    sourcePort: answeredFromPort,
  };
  const flags = [flagsOf(original), flagsOf(reply)] as const;
  if ((flags[0] | flags[1]) === 0) return new Uint8Array();
  const writer = new AttributeWriter();
  if (flags[0] !== 0) writer.nested(CTA_TUPLE_ORIG, (tuple) => writeTuple(tuple, original));
  if (flags[1] !== 0) writer.nested(CTA_TUPLE_REPLY, (tuple) => writeTuple(tuple, reply));
  return writer
    .nested(CTA_FILTER, (inner) =>
      inner.u32(CTA_FILTER_ORIG_FLAGS, flags[0]).u32(CTA_FILTER_REPLY_FLAGS, flags[1]),
    )
    .finish();
}

/** The part of a filter that is about one direction. */
interface HalfFilter {
  readonly source: IpAddress | undefined;
  readonly protocol: number | undefined;
  readonly sourcePort?: number | undefined;
  readonly destinationPort?: number | undefined;
}

function flagsOf({ source, protocol, sourcePort, destinationPort }: HalfFilter): number {
  return (
    (source === undefined ? 0 : CTA_FILTER_F_CTA_IP_SRC) |
    (protocol === undefined ? 0 : CTA_FILTER_F_CTA_PROTO_NUM) |
    (sourcePort === undefined ? 0 : CTA_FILTER_F_CTA_PROTO_SRC_PORT) |
    (destinationPort === undefined ? 0 : CTA_FILTER_F_CTA_PROTO_DST_PORT)
  );
}

function writeTuple(
  tuple: AttributeWriter,
  { source, protocol, sourcePort, destinationPort }: HalfFilter,
): void {
  if (source !== undefined) tuple.nested(CTA_TUPLE_IP, (ip) => writeSource(ip, source));
  if (protocol === undefined) return;
  tuple.nested(CTA_TUPLE_PROTO, (proto) => {
    proto.u8(CTA_PROTO_NUM, protocol);
    if (sourcePort !== undefined) proto.u16be(CTA_PROTO_SRC_PORT, sourcePort);
    if (destinationPort !== undefined) proto.u16be(CTA_PROTO_DST_PORT, destinationPort);
  });
}

function writeSource(ip: AttributeWriter, address: IpAddress): void {
  ip.bytes(address.family === 4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, ipToBytes(address));
}

/** The attributes by which the kernel finds exactly this entry, and not one that has taken its place. */
export function encodeKey({ originalTuple, zone, id }: EntryKey): Uint8Array {
  const writer = new AttributeWriter().nestedBytes(CTA_TUPLE_ORIG, originalTuple);
  if (zone !== undefined) writer.bytes(CTA_ZONE, zone);
  if (id !== undefined) writer.bytes(CTA_ID, id);
  return writer.finish();
}
