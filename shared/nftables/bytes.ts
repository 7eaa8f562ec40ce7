import { ByteReader, DecodeError } from "../netlink/attribute-reader.ts";

/** 64 bits in network byte order. */
export function u64Bytes(value: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, value);
  return new Uint8Array(view.buffer);
}

/** Reads 64 bits in network byte order; undefined stays undefined. Throws DecodeError for any other length. */
export function readU64(bytes: Uint8Array | undefined): bigint | undefined {
  if (bytes === undefined) return undefined;
  if (bytes.length !== 8) throw new DecodeError(`number of ${bytes.length} bytes instead of 8`);
  const reader = new ByteReader(bytes);
  return (BigInt(reader.u32be(0)) << 32n) | BigInt(reader.u32be(4));
}

/** 32 bits in the machine's byte order, as the kernel keeps marks and bit fields in registers. */
export function hostU32(value: number): Uint8Array {
  return Uint8Array.of(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24);
}

export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/** Whether a text stands anywhere in bytes. */
export function holdsText(bytes: Uint8Array, text: string): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(text);
}

/** Whether bytes stand anywhere in others. */
export function holdsBytes(bytes: Uint8Array, part: Uint8Array): boolean {
  const [first = 0] = part;
  const last = bytes.length - part.length;
  for (let at = bytes.indexOf(first); at !== -1 && at <= last; at = bytes.indexOf(first, at + 1)) {
    if (sameBytes(bytes.subarray(at, at + part.length), part)) return true;
  }
  return false;
}

/** Orders bytes as big-endian numbers of the same length. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let index = 0; index < a.length && index < b.length; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return compareBytes(a, b) === 0;
}

/** The big-endian number after this one; undefined when there is none of this length. */
export function nextBytes(bytes: Uint8Array): Uint8Array | undefined {
  const next = bytes.slice();
  for (let index = next.length - 1; index >= 0; index--) {
    const byte = next[index] ?? 0;
    next[index] = (byte + 1) & 255;
    if (byte !== 255) return next;
  }
  return undefined;
}

/** The big-endian number before this one. Throws DecodeError for zero, which ends nothing. */
export function previousBytes(bytes: Uint8Array): Uint8Array {
  const previous = bytes.slice();
  for (let index = previous.length - 1; index >= 0; index--) {
    const byte = previous[index] ?? 0;
    previous[index] = (byte + 255) & 255;
    if (byte !== 0) return previous;
  }
  throw new DecodeError("an interval ends at zero");
}
