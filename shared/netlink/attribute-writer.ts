import { align, NLA_F_NESTED } from "./constants.ts";

const maxLength = 0xffff;
const textEncoder = new TextEncoder();

/**
 * Builds netlink bodies: fixed headers and attributes (linux/netlink.h, struct nlattr), padded to four bytes.
 * Everything is written in its place, numbers byte by byte: a rule has a hundred attributes, and an array for each
 * costs more than all the rest of a call.
 */
export class AttributeWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  /** A fixed header or other bytes; padded. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#advance(bytes.length);
    return this;
  }

  /** @throws RangeError when the value is longer than the format can tell: 65531 bytes. */
  bytes(type: number, value: Uint8Array): this {
    this.#header(type, value.length);
    return this.raw(value);
  }

  /** An attribute without a value. */
  flag(type: number): this {
    this.#header(type, 0);
    return this;
  }
  u8(type: number, value: number): this {
    this.#header(type, 1);
    return this.#number(value, 1, true);
  }
  u16(type: number, value: number): this {
    this.#header(type, 2);
    return this.#number(value, 2, true);
  }
  u16be(type: number, value: number): this {
    this.#header(type, 2);
    return this.#number(value, 2, false);
  }
  u32(type: number, value: number): this {
    this.#header(type, 4);
    return this.#number(value, 4, true);
  }
  u32be(type: number, value: number): this {
    this.#header(type, 4);
    return this.#number(value, 4, false);
  }
  /** Text with a zero byte at its end. */
  text(type: number, value: string): this {
    return this.bytes(type, textEncoder.encode(`${value}\0`));
  }
  /** An attribute that holds attributes: those that `fill` writes. */
  nested(type: number, fill: (inner: AttributeWriter) => void): this {
    const start = this.#length;
    this.#header(type | NLA_F_NESTED, 0);
    fill(this);
    const length = this.#length - start;
    checkLength(type, length);
    this.#bytes[start] = length & 255;
    this.#bytes[start + 1] = length >>> 8;
    return this;
  }

  /** The same of attributes that are encoded already. */
  nestedBytes(type: number, attributes: Uint8Array): this {
    return this.bytes(type | NLA_F_NESTED, attributes);
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #header(type: number, valueLength: number): void {
    const length = 4 + valueLength;
    checkLength(type, length);
    this.#reserve(length);
    const bytes = this.#bytes;
    bytes[this.#length] = length & 255;
    bytes[this.#length + 1] = length >>> 8;
    bytes[this.#length + 2] = type & 255;
    bytes[this.#length + 3] = type >>> 8;
    this.#length += 4;
  }

  /** There is room for it since the header was written. */
  #number(value: number, size: 1 | 2 | 4, littleEndian: boolean): this {
    for (let index = 0; index < size; index++) {
      const shift = 8 * (littleEndian ? index : size - 1 - index);
      this.#bytes[this.#length + index] = (value >>> shift) & 255;
    }
    this.#advance(size);
    return this;
  }

  #advance(length: number): void {
    this.#length += align(length);
  }

  #reserve(length: number): void {
    const needed = this.#length + align(length);
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, needed));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

function checkLength(type: number, length: number): void {
  if (length <= maxLength) return;
  throw new RangeError(`netlink attribute ${type} cannot hold ${length - 4} bytes`);
}
