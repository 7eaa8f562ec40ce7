import { align, NLA_TYPE_MASK } from "./constants.ts";

const textDecoder = new TextDecoder();

/** Bytes from the kernel do not have the expected form. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

/**
 * Reads numbers and text at given offsets, in the machine's byte order unless said otherwise.
 * Every access is checked against the length: bytes from outside never make it read past their end.
 */
export class ByteReader {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(offset: number): number {
    return this.#number(offset, 1, true);
  }
  u16(offset: number): number {
    return this.#number(offset, 2, true);
  }
  u16be(offset: number): number {
    return this.#number(offset, 2, false);
  }
  u32(offset: number): number {
    return this.#number(offset, 4, true);
  }
  u32be(offset: number): number {
    return this.#number(offset, 4, false);
  }
  i32(offset: number): number {
    return this.#number(offset, 4, true) | 0;
  }

  /** The bytes from `start` to `end`; both must lie inside. */
  slice(start: number, end: number): Uint8Array {
    this.check(start, end - start);
    return this.bytes.subarray(start, end);
  }

  /** @throws DecodeError when these bytes do not lie inside. */
  check(offset: number, size: number): void {
    if (offset < 0 || size < 0 || offset + size > this.length) {
      throw new DecodeError(`${size} bytes wanted at offset ${offset} of ${this.length}`);
    }
  }

  #number(offset: number, size: 1 | 2 | 4, littleEndian: boolean): number {
    this.check(offset, size);
    let value = 0;
    for (let index = 0; index < size; index++) {
      const byte = this.bytes[offset + index] ?? 0;
      value |= byte << (8 * (littleEndian ? index : size - 1 - index));
    }
    return value >>> 0;
  }
}

/**
 * The attributes of a message by their type (linux/netlink.h, struct nlattr). Of a repeated type the last counts. Readers
 * of numbers throw DecodeError when a value is shorter or longer than the number.
 */
export class Attributes {
  readonly #bytes: Uint8Array;
  /** Of each attribute the type, and where its value starts and ends: values are cut out only when asked for. */
  readonly #places: number[] = [];

  /** @throws DecodeError when a length does not fit. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    forEachPlace(bytes, (type, start, end) => this.#places.push(type, start, end));
  }

  has(type: number): boolean {
    return this.bytes(type) !== undefined;
  }
  bytes(type: number): Uint8Array | undefined {
    const places = this.#places;
    for (let index = places.length - 3; index >= 0; index -= 3) {
      if (places[index] === type) return this.#bytes.subarray(places[index + 1], places[index + 2]);
    }
    return undefined;
  }
  u8(type: number): number | undefined {
    return this.#valueReader(type, 1)?.u8(0);
  }
  u16(type: number): number | undefined {
    return this.#valueReader(type, 2)?.u16(0);
  }
  u16be(type: number): number | undefined {
    return this.#valueReader(type, 2)?.u16be(0);
  }
  u32(type: number): number | undefined {
    return this.#valueReader(type, 4)?.u32(0);
  }
  u32be(type: number): number | undefined {
    return this.#valueReader(type, 4)?.u32be(0);
  }
  i32(type: number): number | undefined {
    return this.#valueReader(type, 4)?.i32(0);
  }
  /** Text up to the zero byte. */
  text(type: number): string | undefined {
    const bytes = this.bytes(type);
    return bytes === undefined ? undefined : textUpToZero(bytes);
  }
  nested(type: number): Attributes | undefined {
    const bytes = this.bytes(type);
    return bytes === undefined ? undefined : new Attributes(bytes);
  }

  /** @throws DecodeError when the value does not have exactly this many bytes. */
  #valueReader(type: number, size: number): ByteReader | undefined {
    const bytes = this.bytes(type);
    if (bytes === undefined) return undefined;
    if (bytes.length === size) return new ByteReader(bytes);
    throw new DecodeError(`attribute ${type} of ${bytes.length} bytes instead of ${size}`);
  }
}

/**
 * The start of an attribute's value, among the attributes between two places; -1 when it is missing, or a length does
 * not fit. Allocates nothing: it is called for very many messages.
 */
export function findAttribute(bytes: Uint8Array, start: number, end: number, type: number): number {
  for (let offset = start; offset + 4 <= end; ) {
    const length = u16At(bytes, offset);
    if (length < 4 || offset + length > end) return -1;
    if ((u16At(bytes, offset + 2) & NLA_TYPE_MASK) === type) return offset + 4;
    offset += align(length);
  }
  return -1;
}

/** The end of the value that starts there. */
export function attributeEnd(bytes: Uint8Array, valueStart: number): number {
  return valueStart - 4 + u16At(bytes, valueStart - 4);
}

function u16At(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8);
}

/** The text before the first zero byte. */
export function textUpToZero(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return textDecoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Every attribute in order, for lists in which a type is repeated. The flag bits of the type are taken off. */
export function eachAttribute(bytes: Uint8Array): { type: number; value: Uint8Array }[] {
  const attributes: { type: number; value: Uint8Array }[] = [];
  forEachPlace(bytes, (type, start, end) => attributes.push({ type, value: bytes.subarray(start, end) }));
  return attributes;
}

function forEachPlace(bytes: Uint8Array, take: (type: number, start: number, end: number) => void): void {
  const reader = new ByteReader(bytes);
  for (let offset = 0; offset + 4 <= reader.length; ) {
    const length = reader.u16(offset);
    if (length < 4) throw new DecodeError(`attribute of ${length} bytes at offset ${offset}`);
    // Throws when the value does not fit.
    reader.check(offset + 4, length - 4);
    take(reader.u16(offset + 2) & NLA_TYPE_MASK, offset + 4, offset + length);
    offset += align(length);
  }
}
