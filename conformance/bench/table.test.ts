import assert from "node:assert/strict";
import { test } from "node:test";
import { digits, table } from "./table.ts";

test("columns are as wide as their widest cell, numbers are to the right", () => {
  const text = table(
    ["call", "ms"],
    [
      ["ADD", 80.06],
      ["VERSION", 5.123],
      ["none", undefined],
    ],
  );
  assert.equal(text, "call       ms\n───────  ────\nADD      80.1\nVERSION  5.12\nnone        -");
});

test("numbers have no more digits than they deserve", () => {
  assert.deepEqual([0.954, 9.876, 80.06, 239.4, Number.NaN].map(digits), [
    "0.95",
    "9.88",
    "80.1",
    "239",
    "-",
  ]);
});
