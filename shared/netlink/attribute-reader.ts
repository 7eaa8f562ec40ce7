/** Says that bytes from the kernel are not what they should be. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

/**
 * Reads numbers and text at given offsets, in the machine's byte order unless said otherwise.
 * Every access is checked against the length: bytes from outside never make it read past their end.
 */
export class ByteReader {
  readonly #view: DataView;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(offset: number): number {
    return this.#checked(offset, 1).getUint8(offset);
  }
  u16(offset: number): number {
    return this.#checked(offset, 2).getUint16(offset, true);
  }
  u16be(offset: number): number {
    return this.#checked(offset, 2).getUint16(offset, false);
  }
  u32(offset: number): number {
    return this.#checked(offset, 4).getUint32(offset, true);
  }
  u32be(offset: number): number {
    return this.#checked(offset, 4).getUint32(offset, false);
  }
  i32(offset: number): number {
    return this.#checked(offset, 4).getInt32(offset, true);
  }

  /** The bytes from `start` to `end`; both must lie inside. */
  slice(start: number, end: number): Uint8Array {
    if (start < 0 || end < start || end > this.length) throw this.#tooShort(start, end - start);
    return this.bytes.subarray(start, end);
  }

  #checked(offset: number, size: number): DataView {
    if (offset < 0 || offset + size > this.length) throw this.#tooShort(offset, size);
    return this.#view;
  }

  #tooShort(offset: number, size: number): DecodeError {
    return new DecodeError(`${size} bytes wanted at offset ${offset} of ${this.length}`);
  }
}

/** The attributes of a message by their type (linux/netlink.h, struct nlattr). */
export class Attributes {
  readonly #found = new Map<number, Uint8Array>();

  /** @throws DecodeError when a length does not fit. */
  constructor(bytes: Uint8Array) {
    for (const { type, value } of eachAttribute(bytes)) this.#found.set(type, value);
  }

  has(type: number): boolean {
    return this.#found.has(type);
  }
  bytes(type: number): Uint8Array | undefined {
    return this.#found.get(type);
  }
  u8(type: number): number | undefined {
    return this.#reader(type)?.u8(0);
  }
  u16(type: number): number | undefined {
    return this.#reader(type)?.u16(0);
  }
  u16be(type: number): number | undefined {
    return this.#reader(type)?.u16be(0);
  }
  u32(type: number): number | undefined {
    return this.#reader(type)?.u32(0);
  }
  u32be(type: number): number | undefined {
    return this.#reader(type)?.u32be(0);
  }
  i32(type: number): number | undefined {
    return this.#reader(type)?.i32(0);
  }
  /** Text up to the zero byte. */
  text(type: number): string | undefined {
    const bytes = this.#found.get(type);
    if (bytes === undefined) return undefined;
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  }
  nested(type: number): Attributes | undefined {
    const bytes = this.#found.get(type);
    return bytes === undefined ? undefined : new Attributes(bytes);
  }

  #reader(type: number): ByteReader | undefined {
    const bytes = this.#found.get(type);
    return bytes === undefined ? undefined : new ByteReader(bytes);
  }
}

/** Every attribute in order, for lists in which a type is repeated. The flag bits of the type are taken off. */
export function* eachAttribute(bytes: Uint8Array): Generator<{ type: number; value: Uint8Array }> {
  const reader = new ByteReader(bytes);
  for (let offset = 0; offset + 4 <= bytes.length; ) {
    const length = reader.u16(offset);
    if (length < 4) throw new DecodeError(`attribute of ${length} bytes at offset ${offset}`);
    yield { type: reader.u16(offset + 2) & 0x3fff, value: reader.slice(offset + 4, offset + length) };
    offset += (length + 3) & ~3;
  }
}
