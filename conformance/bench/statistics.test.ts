import assert from "node:assert/strict";
import { test } from "node:test";
import { isCertain, median, quantile, ratioOfMedians, summary } from "./statistics.ts";

test("medians and quartiles lie between the values nearest to them", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.equal(quantile([10, 20, 30, 40, 50], 0.25), 20);
  assert.deepEqual(summary([1, 2, 3, 4, 100]), { runs: 5, median: 3, q1: 2, q3: 4, min: 1, max: 100 });
  assert.ok(Number.isNaN(median([])));
});

test("the ratio of clearly different lists is certain, that of the same list is not", () => {
  const slow = [100, 101, 102, 99, 98, 100, 103];
  const fast = [50, 51, 49, 50, 52, 48, 50];
  const ratio = ratioOfMedians(fast, slow);
  assert.equal(ratio.value, 0.5);
  assert.ok(ratio.low >= 0.48 && ratio.high <= 0.53, JSON.stringify(ratio));
  assert.ok(isCertain(ratio));
  assert.ok(!isCertain(ratioOfMedians(slow, slow)));
});

test("noise widens the interval", () => {
  const width = (values: number[]): number => {
    const { low, high } = ratioOfMedians(values, [100, 100, 100, 100, 100]);
    return high - low;
  };
  assert.ok(width([60, 80, 100, 120, 140]) > width([98, 99, 100, 101, 102]));
});

test("the same numbers give the same interval", () => {
  const values = [10, 12, 14, 11, 13];
  assert.deepEqual(ratioOfMedians(values, [20, 25, 22]), ratioOfMedians(values, [20, 25, 22]));
});
