import { Buffer, textOf } from "./buffer.ts";

/** https://encoding.spec.whatwg.org/#interface-textencoder: without `encodeInto`. */
export class TextEncoder {
  /** The text must be given. */
  encode(text: string): Uint8Array<ArrayBuffer> {
    return Buffer.from(text);
  }
}

/** https://encoding.spec.whatwg.org/#interface-textdecoder: of UTF-8 alone, with replacement characters for what is none. */
export class TextDecoder {
  /** All of the bytes at once, and without the byte order mark. */
  decode(bytes: Uint8Array): string {
    const text = textOf(bytes, "utf8");
    return text.startsWith("\ufeff") ? text.slice(1) : text;
  }
}
