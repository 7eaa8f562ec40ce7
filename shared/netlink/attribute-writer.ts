const NLA_F_NESTED = 0x8000;
const maxValueLength = 0xffff - 4;

/** Builds netlink bodies: fixed headers and attributes (linux/netlink.h, struct nlattr), padded to four bytes. */
export class AttributeWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  /** A fixed header or other bytes; padded. */
  raw(bytes: Uint8Array): this {
    this.#put(bytes);
    return this;
  }

  /** @throws RangeError when the value is longer than the format can tell: 65531 bytes. */
  bytes(type: number, value: Uint8Array): this {
    if (value.length > maxValueLength) {
      throw new RangeError(`netlink attribute ${type} cannot hold ${value.length} bytes`);
    }
    const header = new DataView(new ArrayBuffer(4));
    header.setUint16(0, 4 + value.length, true);
    header.setUint16(2, type, true);
    this.#put(new Uint8Array(header.buffer));
    this.#put(value);
    return this;
  }

  /** An attribute without a value. */
  flag(type: number): this {
    return this.bytes(type, new Uint8Array(0));
  }
  u8(type: number, value: number): this {
    return this.bytes(type, Uint8Array.of(value));
  }
  u16(type: number, value: number): this {
    return this.bytes(type, Uint8Array.of(value & 255, value >>> 8));
  }
  u16be(type: number, value: number): this {
    return this.bytes(type, Uint8Array.of(value >>> 8, value & 255));
  }
  u32(type: number, value: number): this {
    return this.bytes(type, u32Bytes(value, true));
  }
  u32be(type: number, value: number): this {
    return this.bytes(type, u32Bytes(value, false));
  }
  /** Text with a zero byte at its end. */
  text(type: number, value: string): this {
    return this.bytes(type, new TextEncoder().encode(`${value}\0`));
  }
  nested(type: number, fill: (inner: AttributeWriter) => void): this {
    const inner = new AttributeWriter();
    fill(inner);
    return this.bytes(type | NLA_F_NESTED, inner.finish());
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #put(bytes: Uint8Array): void {
    const padded = (bytes.length + 3) & ~3;
    if (this.#length + padded > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + padded));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length += padded;
  }
}

function u32Bytes(value: number, littleEndian: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, value >>> 0, littleEndian);
  return new Uint8Array(view.buffer);
}
