import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeSparse, encodeSparse } from "./sparse-file.ts";

/** Puts a file's pieces together, as writing each at its place does. */
function whole(encoded: Uint8Array): Uint8Array {
  const pieces = decodeSparse(new Uint8Array(encoded).buffer);
  const file = new Uint8Array(Math.max(0, ...pieces.map(({ offset, bytes }) => offset + bytes.length)));
  for (const { offset, bytes } of pieces) file.set(bytes, offset);
  return file;
}

test("a file's pieces make the file", () => {
  const page = fc.constantFrom("blank", "full", "edge");
  fc.assert(
    fc.property(fc.array(page, { maxLength: 12 }), fc.nat(4096), (pages, rest) => {
      const file = new Uint8Array(pages.length * 4096 + rest);
      for (const [index, kind] of pages.entries()) {
        if (kind === "full") file.fill(7, index * 4096, (index + 1) * 4096);
        if (kind === "edge") file[(index + 1) * 4096 - 1] = 1;
      }
      assert.deepEqual(whole(encodeSparse(file)), file);
    }),
  );
});

test("blank pages are left out", () => {
  const file = new Uint8Array(100 * 4096);
  file[50 * 4096] = 1;
  assert.ok(encodeSparse(file).length < 3 * 4096);
});
