/**
 * Node's Buffer, as far as plugins use it: https://nodejs.org/api/buffer.html. All else that a Buffer does is what a
 * Uint8Array does.
 */

const binding = internalBinding("buffer");

export type Encoding = "utf8" | "latin1" | "hex" | "base64";

// Its own name, so that `from` may differ from Uint8Array's.
const Bytes: new (
  source: number | ArrayBufferLike | ArrayLike<number>,
  byteOffset?: number,
  length?: number,
) => Uint8Array<ArrayBuffer> = Uint8Array;

export class Buffer extends Bytes {
  /** Filled with zeros only. */
  static alloc(size: number): Buffer {
    return new Buffer(size);
  }

  /** Its memory is its own, and zeros. */
  static allocUnsafe(size: number): Buffer {
    return new Buffer(size);
  }

  /** Of a text as UTF-8. */
  static byteLength(text: string): number {
    return binding.byteLengthUtf8(text);
  }

  static compare(a: Uint8Array, b: Uint8Array): number {
    return binding.compare(a, b);
  }

  static concat(
    parts: readonly Uint8Array[],
    length = parts.reduce((sum, part) => sum + part.length, 0),
  ): Buffer {
    const all = new Buffer(length);
    let offset = 0;
    for (const part of parts) {
      const rest = length - offset;
      all.set(part.length > rest ? part.subarray(0, rest) : part, offset);
      offset += Math.min(part.length, rest);
    }
    return all;
  }

  /** From a text in one of these encodings. Unlike Node's it does not call `valueOf` of objects. */
  static from(text: string, encoding?: Encoding): Buffer;
  static from(bytes: ArrayLike<number>): Buffer;
  static from(memory: ArrayBufferLike, byteOffset?: number, length?: number): Buffer;
  static from(
    source: string | ArrayLike<number> | ArrayBufferLike,
    offsetOrEncoding?: number | Encoding,
    length?: number,
  ): Buffer {
    if (typeof source === "string") {
      return fromText(source, typeof offsetOrEncoding === "string" ? offsetOrEncoding : "utf8");
    }
    if (!(source instanceof ArrayBuffer || source instanceof SharedArrayBuffer)) return new Buffer(source);
    return new Buffer(source, typeof offsetOrEncoding === "number" ? offsetOrEncoding : 0, length);
  }

  declare subarray: (start?: number, end?: number) => Buffer;

  /** Of a byte, or of a text as UTF-8, from a place that is not counted from the end. */
  override indexOf(value: number | string, from = 0): number {
    if (typeof value === "number") return super.indexOf(value, from);
    // As texts of one character a byte, in which V8 is fast; what is before `from` need not become one.
    const start = Math.min(from, this.length);
    const found = textOf(this, "latin1", start).indexOf(Buffer.from(value).toString("latin1"));
    return found === -1 ? -1 : start + found;
  }

  /** As `indexOf`. */
  override includes(value: number | string, from = 0): boolean {
    return this.indexOf(value, from) !== -1;
  }

  /** In these encodings. */
  override toString(encoding: Encoding = "utf8", start = 0, end = this.length): string {
    return textOf(this, encoding, start, end);
  }
}

// Native code makes Buffers as well.
binding.setBufferPrototype(Buffer.prototype);

function fromText(text: string, encoding: Encoding): Buffer {
  switch (encoding) {
    case "utf8": {
      const bytes = new Buffer(binding.byteLengthUtf8(text));
      binding.utf8WriteStatic(bytes, text, 0, bytes.length);
      return bytes;
    }
    case "latin1": {
      const bytes = new Buffer(text.length);
      binding.latin1WriteStatic(bytes, text, 0, bytes.length);
      return bytes;
    }
    case "hex": {
      const bytes = new Buffer(text.length >>> 1);
      return bytes.subarray(0, binding.hexWrite(bytes, text, 0, bytes.length));
    }
    case "base64": {
      const bytes = new Buffer(Math.ceil((text.length * 3) / 4));
      return bytes.subarray(0, binding.base64Write(bytes, text, 0, bytes.length));
    }
  }
}

/** The text of bytes, from `start` to before `end`. */
export function textOf(bytes: Uint8Array, encoding: Encoding, start = 0, end = bytes.length): string {
  const last = Math.min(end, bytes.length);
  return start < last ? binding[`${encoding}Slice`](bytes, start, last) : "";
}
