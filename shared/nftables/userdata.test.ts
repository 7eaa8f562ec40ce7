import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { commentIn, commentUserdata, decodeUserdata, encodeUserdata } from "./userdata.ts";

test("a comment as libnftnl writes it: type, length, text and a zero byte", () => {
  const bytes = encodeUserdata([commentUserdata("owner a")]);
  assert.equal(Buffer.from(bytes).toString("latin1"), "\0\x08owner a\0");
  assert.equal(commentIn(bytes), "owner a");
});

test("what is written is read again", () => {
  const item = fc.record(
    { type: fc.nat({ max: 255 }), value: fc.uint8Array({ maxLength: 255 }) },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(item), (items) => assert.deepEqual(decodeUserdata(encodeUserdata(items)), items)),
  );
});

test("what other programs put there is no failure", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      decodeUserdata(bytes);
      commentIn(bytes);
    }),
  );
  assert.equal(commentIn(undefined), undefined);
  assert.equal(commentIn(Uint8Array.of(0, 2, 65, 66)), undefined, "no zero byte");
});

test("comments that nft could not read back are refused", () => {
  for (const text of ['a "quoted" word', "a\nline", "a\0byte", "x".repeat(129), "ü".repeat(65)]) {
    assert.throws(() => commentUserdata(text), RangeError, JSON.stringify(text));
  }
  assert.equal(commentUserdata("x".repeat(128)).value.length, 129);
});
