import assert from "node:assert/strict";
import { test } from "node:test";
import { fnv1a } from "./fnv1a.ts";

test("checksums are those of the algorithm's authors", () => {
  // From the list of test vectors of RFC 9923.
  for (const [text, sum] of [
    ["", "811c9dc5"],
    ["a", "e40c292c"],
    ["foobar", "bf9cf968"],
  ] as const) {
    assert.equal(fnv1a(Buffer.from(text)), sum);
  }
});
