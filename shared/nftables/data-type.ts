import { formatIp, type IpAddress, ipFromBytes, ipToBytes } from "../ip/address.ts";
import { ByteReader } from "../netlink/attribute-reader.ts";
import { align } from "../netlink/constants.ts";
import { hostU32, joinBytes } from "./bytes.ts";

/**
 * The types of set keys and map data, by the names and numbers of the `nft` program, which stores the numbers in the
 * kernel to know how to print a set (datatype.h of nftables; the kernel only keeps them). Lengths in bytes.
 */
const dataTypes = {
  ipv4_addr: { id: 7, length: 4, hostOrder: false },
  ipv6_addr: { id: 8, length: 16, hostOrder: false },
  ether_addr: { id: 9, length: 6, hostOrder: false },
  inet_proto: { id: 12, length: 1, hostOrder: false },
  inet_service: { id: 13, length: 2, hostOrder: false },
  mark: { id: 19, length: 4, hostOrder: true },
  ifname: { id: 41, length: 16, hostOrder: true },
} as const;
export type DataType = keyof typeof dataTypes;

const names: readonly DataType[] = [
  "ipv4_addr",
  "ipv6_addr",
  "ether_addr",
  "inet_proto",
  "inet_service",
  "mark",
  "ifname",
];
const bitsPerType = 6;

/** Length of a value of this type, without padding. */
export function typeLength(type: DataType): number {
  return dataTypes[type].length;
}

/** Length of a value of this type as a part of a concatenation, where parts begin at multiples of four. */
export function paddedLength(type: DataType): number {
  return align(dataTypes[type].length);
}

/** Length of a value of these types, concatenated if there are several. */
export function concatenatedLength(types: readonly DataType[]): number {
  const [first] = types;
  if (types.length === 1 && first !== undefined) return typeLength(first);
  return types.reduce((sum, type) => sum + paddedLength(type), 0);
}

/** The number that stands for one type or a concatenation of several. */
export function typeNumber(types: readonly DataType[]): number {
  return types.reduce((number, type) => (number << bitsPerType) | dataTypes[type].id, 0);
}

/** The types that a number stands for; undefined when one of them is not among ours. */
export function typesFromNumber(number: number): readonly DataType[] | undefined {
  const types: DataType[] = [];
  for (let rest = number; rest !== 0; rest >>>= bitsPerType) {
    const id = rest & ((1 << bitsPerType) - 1);
    const type = names.find((name) => dataTypes[name].id === id);
    if (type === undefined) return undefined;
    types.unshift(type);
  }
  return types.length === 0 ? undefined : types;
}

/** What the set's userdata says of the byte order: 1 the machine's, 2 network; 0 for concatenations. */
export function byteOrderNumber(types: readonly DataType[]): number {
  const [only, second] = types;
  if (only === undefined || second !== undefined) return 0;
  return dataTypes[only].hostOrder ? 1 : 2;
}

/** Value of type ipv4_addr or ipv6_addr. */
export function addressValue(address: IpAddress): Uint8Array {
  return ipToBytes(address);
}

/** Value of type inet_service: a port of TCP, UDP or SCTP. */
export function portValue(port: number): Uint8Array {
  return Uint8Array.of(port >>> 8, port & 255);
}

/** Value of type inet_proto: a protocol number of IP, 6 for TCP. */
export function protocolValue(protocol: number): Uint8Array {
  return Uint8Array.of(protocol);
}

/** Value of type mark. */
export function markValue(mark: number): Uint8Array {
  return hostU32(mark);
}

/** Value of type ifname. Throws RangeError when the name is empty or longer than the kernel's 15 bytes. */
export function interfaceValue(name: string): Uint8Array {
  const text = new TextEncoder().encode(name);
  if (text.length === 0 || text.length > 15) throw new RangeError(`"${name}" cannot name an interface`);
  const bytes = new Uint8Array(16);
  bytes.set(text);
  return bytes;
}

/** Several values as one key or datum: each padded to four bytes. */
export function concatenate(...values: readonly Uint8Array[]): Uint8Array {
  return joinBytes(
    values.map((value) => {
      const padded = new Uint8Array(align(value.length));
      padded.set(value);
      return padded;
    }),
  );
}

/** The parts of a key or datum, without padding. Throws DecodeError when it is too short. */
export function splitConcatenation(types: readonly DataType[], bytes: Uint8Array): Uint8Array[] {
  const reader = new ByteReader(bytes);
  let offset = 0;
  return types.map((type) => {
    const part = reader.slice(offset, offset + typeLength(type));
    offset += paddedLength(type);
    return part;
  });
}

/** A key or datum as `nft` prints it, for example `10.0.0.2 . 6 . 8080`. Throws DecodeError when it is too short. */
export function formatValue(types: readonly DataType[], bytes: Uint8Array): string {
  return splitConcatenation(types, bytes)
    .map((part, index) => formatPart(types[index] ?? "mark", part))
    .join(" . ");
}

function formatPart(type: DataType, bytes: Uint8Array): string {
  const reader = new ByteReader(bytes);
  switch (type) {
    case "ipv4_addr":
    case "ipv6_addr": {
      const address = ipFromBytes(bytes);
      return address === undefined ? "" : formatIp(address);
    }
    case "ether_addr":
      return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
    case "inet_proto":
      return String(reader.u8(0));
    case "inet_service":
      return String(reader.u16be(0));
    case "mark":
      return `0x${reader.u32(0).toString(16).padStart(8, "0")}`;
    case "ifname": {
      const end = bytes.indexOf(0);
      return `"${new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end))}"`;
    }
  }
}
