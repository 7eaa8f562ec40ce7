import "./bindings-of-node.fixture.ts";
import assert from "node:assert/strict";
import { Buffer as NodeBuffer } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { Buffer } from "./buffer.ts";
import { TextDecoder, TextEncoder } from "./text-coding.ts";

const bytes = fc.uint8Array({ maxLength: 40 });
const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("", "\ud800", "\ufeffx", "é\0"));
const encodings = ["utf8", "latin1", "hex", "base64"] as const;

test("texts become bytes as with Node", () => {
  fc.assert(
    fc.property(text, (value) => {
      assert.equal(Buffer.byteLength(value), NodeBuffer.byteLength(value));
      for (const encoding of ["utf8", "latin1"] as const) {
        assert.deepEqual([...Buffer.from(value, encoding)], [...NodeBuffer.from(value, encoding)], encoding);
      }
      assert.deepEqual([...new TextEncoder().encode(value)], [...new globalThis.TextEncoder().encode(value)]);
    }),
  );
});

test("bytes become texts and back as with Node", () => {
  fc.assert(
    fc.property(bytes, fc.nat(50), fc.nat(50), (value, start, end) => {
      for (const encoding of encodings) {
        const [own, other] = [Buffer.from(value), NodeBuffer.from(value)];
        assert.equal(own.toString(encoding), other.toString(encoding), encoding);
        assert.equal(own.toString(encoding, start, end), other.toString(encoding, start, end), encoding);
        const whole = other.toString(encoding);
        assert.deepEqual([...Buffer.from(whole, encoding)], [...NodeBuffer.from(whole, encoding)], encoding);
      }
      assert.equal(new TextDecoder().decode(value), new globalThis.TextDecoder().decode(value));
    }),
  );
});

test("what is no hex or base64 ends the bytes as with Node", () => {
  for (const wrong of ["", "0", "0g", "abcx12", "aGk", "aGk=", "a-_b", "a b", "====", "é"]) {
    for (const encoding of ["hex", "base64"] as const) {
      assert.deepEqual([...Buffer.from(wrong, encoding)], [...NodeBuffer.from(wrong, encoding)], wrong);
    }
  }
});

test("bytes are compared, joined and searched as with Node", () => {
  fc.assert(
    fc.property(bytes, bytes, fc.nat(90), fc.nat(10), (a, b, length, from) => {
      assert.equal(Buffer.compare(a, b), NodeBuffer.compare(a, b));
      assert.deepEqual([...Buffer.concat([a, b])], [...NodeBuffer.concat([a, b])]);
      assert.deepEqual([...Buffer.concat([a, b], length)], [...NodeBuffer.concat([a, b], length)]);
      const needle = NodeBuffer.from(b).toString("latin1", 0, 2);
      assert.equal(Buffer.from(a).indexOf(needle, from), NodeBuffer.from(a).indexOf(needle, from));
      assert.equal(Buffer.from(a).indexOf(7, from), NodeBuffer.from(a).indexOf(7, from));
      assert.equal(Buffer.from(a).includes(needle), NodeBuffer.from(a).includes(needle));
    }),
  );
});

test("memory is shared, not copied, and a part of a Buffer is one", () => {
  const memory = new Uint8Array([1, 2, 3, 4]).buffer;
  const shared = Buffer.from(memory, 1, 2);
  new Uint8Array(memory)[1] = 9;
  assert.deepEqual([...shared], [9, 3]);
  assert.equal(shared.subarray(0, 1).toString("hex"), "09");
});
