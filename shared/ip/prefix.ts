import { bitLength, formatIp, type IpAddress, parseIp } from "./address.ts";

/** An address with a prefix length, as in "10.1.2.3/24": host bits are kept. */
export interface IpPrefix {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

/** Parses "address/length"; undefined for anything else. "::ffff:10.0.0.1/120" is 10.0.0.1/24. */
export function parsePrefix(text: string): IpPrefix | undefined {
  const match = /^([^/]+)\/(\d{1,4})$/.exec(text);
  if (match === null) return undefined;
  const [, addressText = "", lengthText = ""] = match;
  const address = parseIp(addressText);
  if (address === undefined) return undefined;
  const writtenBits = addressText.includes(":") ? 128 : 32;
  const written = Number(lengthText);
  if (written > writtenBits) return undefined;
  if (address.family === 6 || writtenBits === 32) return { address, prefixLength: written };
  // An IPv4-mapped address: what its mask covers beyond the mapping prefix.
  return { address, prefixLength: Math.max(0, written - 96) };
}

export function formatPrefix(prefix: IpPrefix): string {
  return `${formatIp(prefix.address)}/${prefix.prefixLength}`;
}

/** The mask of this prefix as a number, for example 0xffffff00n. */
export function maskOf(family: 4 | 6, prefixLength: number): bigint {
  const bits = BigInt(bitLength(family));
  const hostBits = bits - BigInt(prefixLength);
  return ((1n << bits) - 1n) ^ ((1n << hostBits) - 1n);
}

/** The network's address: all host bits zero. */
export function networkOf(prefix: IpPrefix): IpPrefix {
  const { family, value } = prefix.address;
  return {
    address: { family, value: value & maskOf(family, prefix.prefixLength) },
    prefixLength: prefix.prefixLength,
  };
}

/** The address with all host bits set: the broadcast address of an IPv4 network. */
export function lastOf(prefix: IpPrefix): IpAddress {
  const { family, value } = prefix.address;
  const mask = maskOf(family, prefix.prefixLength);
  const all = (1n << BigInt(bitLength(family))) - 1n;
  return { family, value: (value & mask) | (all ^ mask) };
}

export function prefixContains(prefix: IpPrefix, address: IpAddress): boolean {
  if (prefix.address.family !== address.family) return false;
  const mask = maskOf(address.family, prefix.prefixLength);
  return (prefix.address.value & mask) === (address.value & mask);
}

/** True for 0.0.0.0/0 and ::/0. */
export function isDefaultPrefix(prefix: IpPrefix): boolean {
  return prefix.prefixLength === 0 && prefix.address.value === 0n;
}

export function samePrefix(a: IpPrefix, b: IpPrefix): boolean {
  return (
    a.prefixLength === b.prefixLength &&
    a.address.family === b.address.family &&
    a.address.value === b.address.value
  );
}
