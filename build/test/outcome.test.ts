import assert from "node:assert/strict";
import { test } from "node:test";
import { countsIn, type PartOutcome, partLine, totalLine } from "./outcome.ts";

const part = (more: Partial<PartOutcome>): PartOutcome => ({
  name: "x",
  status: 0,
  counts: undefined,
  seconds: 12.4,
  ...more,
});

test("all closing lines of an output count, and nothing like them", () => {
  const output = `✔ a test: 7 passed, 1 failed, 2 skipped (3 ms)
3 passed, 0 failed, 4 not supported
vm: 30 passed, 0 failed, 1 skipped
  vm: 1000 passed, 0 failed, 0 skipped
scenarios: 12 passed, 2 failed, 0 skipped
`;
  assert.deepEqual(countsIn(output), { passed: 42, failed: 2, skipped: 1 });
  assert.equal(countsIn("fine\n"), undefined);
});

test("a part's line says how many passed, or whether it went well", () => {
  const counts = { passed: 3, failed: 0, skipped: 1 };
  assert.equal(partLine(part({ counts })), "✔ x: 3 passed, 0 failed, 1 skipped (12 s)");
  assert.equal(partLine(part({})), "✔ x: ok (12 s)");
  assert.equal(partLine(part({ status: 2 })), "✖ x: failed (12 s)");
  assert.equal(partLine(part({ status: undefined })), "✖ x: not run, since what it needs failed");
});

test("the total has a failure for each part that failed, whatever its lines say", () => {
  const counts = { passed: 3, failed: 0, skipped: 1 };
  const one = part({ counts });
  assert.equal(totalLine([one, one, part({})]), "6 passed, 0 failed, 2 skipped");
  assert.equal(totalLine([one, part({ status: 1 })]), "3 passed, 1 failed, 1 skipped");
  assert.equal(totalLine([part({ status: 1, counts })]), "3 passed, 1 failed, 1 skipped");
  assert.equal(
    totalLine([part({ status: 1, counts: { ...counts, failed: 2 } })]),
    "3 passed, 2 failed, 1 skipped",
  );
  assert.equal(totalLine([part({ status: undefined })]), "0 passed, 1 failed, 0 skipped");
});
