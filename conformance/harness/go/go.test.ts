import assert from "node:assert/strict";
import { test } from "node:test";
import { minorOf } from "./go.ts";

test("minorOf reads the release from go's version", () => {
  assert.equal(minorOf("go1.19.8"), 19);
  assert.equal(minorOf("go1.26rc1"), 26);
  assert.equal(minorOf("devel go1.27-abcdef"), null);
});
