import assert from "node:assert/strict";
import { test } from "node:test";
import { countsLine, exitMark, OutcomeReader } from "./outcome.ts";

test("lines of the tests are printed, the last ones tell how it went, however the text is cut", () => {
  const counts = { passed: 3, failed: 1, skipped: 2 };
  const text = `✔ one\r\n✖ two\n${countsLine(counts)}\n${exitMark} 1\n`;
  const printed: string[] = [];
  const reader = new OutcomeReader((line) => printed.push(line));
  for (const letter of text) reader.read(letter);
  assert.deepEqual(printed, ["✔ one", "✖ two"]);
  assert.deepEqual(reader.outcome, { status: 1, counts });
});

test("a machine that stopped on its way leaves no status", () => {
  const reader = new OutcomeReader(() => {});
  reader.read(`✔ one\n${exitMark} 0`);
  assert.deepEqual(reader.outcome, {});
});
