import { Address4, Address6 } from "ip-address";

/** A version of IP. */
export type IpFamily = 4 | 6;

/** An IP address. IPv4-mapped IPv6 addresses are IPv4, as everywhere in CNI. */
export interface IpAddress {
  readonly family: IpFamily;
  readonly value: bigint;
}

const mappedPrefix = 0xffffn;

/** Six groups of four digits and a dotted quad. */
const maxLength = 45;

/** Number of bits of an address of this family. */
export function bitLength(family: IpFamily): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** Parses an address without prefix length and zone; undefined for anything else. */
export function parseIp(text: string): IpAddress | undefined {
  // The library takes "address/length" and zones as part of an address.
  if (text.length > maxLength || !/^[0-9a-fA-F.:]+$/.test(text)) return undefined;
  try {
    if (!text.includes(":")) return { family: 4, value: new Address4(text).bigInt() };
    const value = new Address6(text).bigInt();
    if (value >> 32n === mappedPrefix) return { family: 4, value: value & 0xffff_ffffn };
    return { family: 6, value };
  } catch {
    return undefined;
  }
}

/** Canonical text: dotted quad, or RFC 5952. */
export function formatIp(address: IpAddress): string {
  if (address.family === 4) {
    const value = Number(address.value);
    return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
  }
  return Address6.fromBigInt(address.value).correctForm();
}

/** Network byte order: 4 or 16 bytes. */
export function ipToBytes(address: IpAddress): Uint8Array {
  const length = bitLength(address.family) / 8;
  const bytes = new Uint8Array(length);
  let rest = address.value;
  for (let index = length - 1; index >= 0; index--) {
    bytes[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** The address that 4 or 16 bytes in network byte order stand for; undefined for other lengths. */
export function ipFromBytes(bytes: Uint8Array): IpAddress | undefined {
  if (bytes.length !== 4 && bytes.length !== 16) return undefined;
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return { family: bytes.length === 4 ? 4 : 6, value };
}

export function sameIp(a: IpAddress, b: IpAddress): boolean {
  return a.family === b.family && a.value === b.value;
}

/** The address `count` places further on. It may lie outside the family's range. */
export function offsetIp(address: IpAddress, count: bigint): IpAddress {
  return { family: address.family, value: address.value + count };
}

/** 0.0.0.0 or ::. */
export function isUnspecified(address: IpAddress): boolean {
  return address.value === 0n;
}

/** 127.0.0.0/8 or ::1. */
export function isLoopback(address: IpAddress): boolean {
  return address.family === 4 ? address.value >> 24n === 127n : address.value === 1n;
}

/** fe80::/10 or 169.254.0.0/16. */
export function isLinkLocal(address: IpAddress): boolean {
  return address.family === 4 ? address.value >> 16n === 0xa9fen : address.value >> 118n === 0x3fan;
}
