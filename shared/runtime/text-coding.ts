import { Buffer, textOf } from "./buffer.ts";

/** https://encoding.spec.whatwg.org/#interface-textencoder */
export class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer> {
    return Buffer.from(text);
  }
}

/** https://encoding.spec.whatwg.org/#interface-textdecoder, for UTF-8 alone. */
export class TextDecoder {
  decode(bytes: Uint8Array): string {
    const text = textOf(bytes, "utf8");
    return text.startsWith("\ufeff") ? text.slice(1) : text;
  }
}
