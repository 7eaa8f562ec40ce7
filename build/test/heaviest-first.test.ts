import assert from "node:assert/strict";
import { test } from "node:test";
import { heaviestFirst } from "./heaviest-first.ts";

const order = (sizes: Record<string, number>, seconds: Record<string, number>): string[] =>
  heaviestFirst(
    Object.entries(sizes).map(([name, size]) => ({ name, size })),
    new Map(Object.entries(seconds)),
  ).map(({ name }) => name);

test("what took longest last time begins first", () => {
  assert.deepEqual(order({ a: 1, b: 900_000, c: 2 }, { a: 5, b: 1, c: 60 }), ["c", "a", "b"]);
});

test("what was never run is weighed by its size, among the others", () => {
  assert.deepEqual(order({ a: 1000, b: 90_000 }, {}), ["b", "a"]);
  assert.deepEqual(order({ quick: 9000, unknown: 10_000, slow: 9000 }, { quick: 1, slow: 100 }), [
    "slow",
    "unknown",
    "quick",
  ]);
});
