import { alignmentOf, splitSignature } from "./signature.ts";
import { WireError } from "./wire-error.ts";

/** 64-bit integers are bigints; arrays, structures and dictionary entries are lists; a variant is its content. */
export type Value = number | bigint | string | boolean | readonly Value[];

const maxDepth = 64;

/** Reads values in D-Bus's wire format. Every access is checked against the length. */
export class Reader {
  readonly #view: DataView;
  readonly #littleEndian: boolean;
  #offset: number;

  constructor(bytes: Uint8Array, littleEndian: boolean, offset = 0) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#littleEndian = littleEndian;
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  /**
   * The next value, of one complete type.
   *
   * @throws WireError
   */
  value(type: string, depth = 0): Value {
    if (depth > maxDepth) throw new WireError("values are nested too deeply");
    const view = this.#view;
    const little = this.#littleEndian;
    this.align(alignmentOf(type));
    switch (type.charAt(0)) {
      case "y":
        return view.getUint8(this.#take(1));
      case "n":
        return view.getInt16(this.#take(2), little);
      case "q":
        return view.getUint16(this.#take(2), little);
      case "i":
        return view.getInt32(this.#take(4), little);
      case "u":
      case "h":
        return view.getUint32(this.#take(4), little);
      case "x":
        return view.getBigInt64(this.#take(8), little);
      case "t":
        return view.getBigUint64(this.#take(8), little);
      case "d":
        return view.getFloat64(this.#take(8), little);
      case "b":
        return this.#boolean();
      case "s":
      case "o":
        return this.#text(this.#length());
      case "g":
        return this.#text(view.getUint8(this.#take(1)));
      case "v":
        return this.#variant(depth + 1);
      case "a":
        return this.#array(type.slice(1), depth + 1);
      case "(":
      case "{":
        return splitSignature(type.slice(1, -1)).map((member) => this.value(member, depth + 1));
      default:
        throw new WireError(`malformed signature ${JSON.stringify(type)}`);
    }
  }

  /** Values of all types of a signature. */
  values(signature: string): readonly Value[] {
    return splitSignature(signature).map((type) => this.value(type));
  }

  align(boundary: number): void {
    const rest = this.#offset % boundary;
    if (rest !== 0) this.#take(boundary - rest);
  }

  #boolean(): boolean {
    const number = this.#length();
    if (number > 1) throw new WireError(`${number} is no boolean`);
    return number === 1;
  }

  #text(length: number): string {
    const start = this.#take(length + 1);
    const { buffer, byteOffset } = this.#view;
    if (this.#view.getUint8(start + length) !== 0)
      throw new WireError("a text does not end with a zero byte");
    return Buffer.from(buffer, byteOffset + start, length).toString();
  }

  #variant(depth: number): Value {
    const signature = this.#text(this.#view.getUint8(this.#take(1)));
    const [type, ...more] = splitSignature(signature);
    if (type === undefined || more.length > 0) throw new WireError("a variant holds one value");
    return this.value(type, depth);
  }

  #array(type: string, depth: number): readonly Value[] {
    const length = this.#length();
    this.align(alignmentOf(type));
    const end = this.#offset + length;
    const values: Value[] = [];
    while (this.#offset < end) values.push(this.value(type, depth));
    if (this.#offset !== end) throw new WireError("an array's length does not fit its elements");
    return values;
  }

  #length(): number {
    return this.#view.getUint32(this.#take(4), this.#littleEndian);
  }

  /** Moves on by `size` bytes; returns where they begin. */
  #take(size: number): number {
    const start = this.#offset;
    if (start + size > this.#view.byteLength) {
      throw new WireError(`${size} bytes wanted at offset ${start} of ${this.#view.byteLength}`);
    }
    this.#offset = start + size;
    return start;
  }
}
