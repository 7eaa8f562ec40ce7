import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { sha512 } from "./sha512.ts";

test("digests are those of node:crypto", () => {
  for (const text of ["", "abc", "müsli", "x".repeat(1000)]) {
    assert.equal(sha512(text), createHash("sha512").update(text).digest("hex"));
  }
});
