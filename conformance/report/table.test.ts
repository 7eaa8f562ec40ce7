import assert from "node:assert/strict";
import { test } from "node:test";
import type { Row } from "./row.ts";
import { failureText, resultTable, summaryLine, unsupportedText } from "./table.ts";

const row = (version: string, status: Row["status"], more: Partial<Row> = {}, command?: string): Row => ({
  id: `s/a@${version}`,
  suite: "s",
  name: "a",
  plugin: "bridge",
  version,
  source: "SPEC, section 2",
  status,
  ...(status !== "not supported" && {
    outcome: {
      passed: status === "pass",
      byHand: ["ip link"],
      calls: { ADD: 1, CHECK: 1 },
      seconds: 1,
      observations: [],
      ...(command !== undefined && { command }),
    },
  }),
  ...more,
});

const rows = [
  row("1.1.0", "pass"),
  row("1.1.0", "fail", { reason: "it\nhangs" }, "CHECK"),
  row("0.4.0", "not supported", { reason: "no VLANs" }),
  row("0.3.0", "not supported", { reason: "no VLANs" }),
  row("1.0.0", "fail", { reason: "left", plugin: "portmap" }),
];

test("the table counts by plugin, command and version, and blames the command at fault", () => {
  const lines = resultTable(rows)
    .split("\n")
    .map((line) => line.split(/\s{2,}/));
  assert.deepEqual(lines[0], [
    "plugin",
    "command",
    "0.1.0",
    "0.2.0",
    "0.3.0",
    "0.3.1",
    "0.4.0",
    "1.0.0",
    "1.1.0",
  ]);
  assert.deepEqual(lines[1], ["bridge", "ADD", "–", "–", "✓ 2"]);
  assert.deepEqual(lines[2], ["", "CHECK", "·", "·", "·", "·", "–", "✗ 1/2"]);
  assert.ok(
    lines.some(
      ([plugin, command, ...cells]) => plugin === "portmap" && command === "ADD" && cells.includes("✗ 1/1"),
    ),
  );
});

/** A failure that names no command, of a row with these calls; without them its worker crashed. */
const failed = (calls?: Record<string, number>): Row => {
  const { outcome, ...rest } = row("1.1.0", "fail", { reason: "it breaks" });
  return { ...rest, ...(calls !== undefined && outcome !== undefined && { outcome: { ...outcome, calls } }) };
};

const cellsOf = (some: readonly Row[]) =>
  resultTable(some)
    .split("\n")
    .slice(1)
    .map((line) =>
      line
        .replace(/^bridge|·/g, "")
        .trim()
        .replace(/\s+/g, " "),
    );

test("a failure without a command is one of the first command that was called", () => {
  assert.deepEqual(cellsOf([failed({ GC: 1, CHECK: 2 })]), ["CHECK ✗ 1/1", "GC ✓ 1"]);
  assert.deepEqual(cellsOf([failed({ DEL: 0, VERSION: 1 })]), ["VERSION ✗ 1/1"]);
});

test("a failure before any call, and one of a worker that crashed, are failures of ADD", () => {
  assert.deepEqual(cellsOf([failed({})]), ["ADD ✗ 1/1"]);
  assert.deepEqual(cellsOf([failed()]), ["ADD ✗ 1/1"]);
  assert.deepEqual(cellsOf([failed(), row("1.1.0", "pass")]), ["ADD ✗ 1/2", "CHECK ✓ 1"]);
});

test("a failure of a command that was not called, or that the version does not have, is shown nevertheless", () => {
  assert.deepEqual(cellsOf([row("1.1.0", "fail", {}, "DEL")]), ["ADD ✓ 1", "CHECK ✓ 1", "DEL ✗ 1/1"]);
  assert.deepEqual(cellsOf([row("0.3.0", "fail", {}, "CHECK")]), ["ADD ✓ 1", "CHECK ✗ 1/1"]);
});

test("failures are told with reason, source and the lines that repeat them", () => {
  const text = failureText(rows);
  assert.match(text, /^✗ s\/a@1\.1\.0\n {2}it\n {2}hangs\n {2}says: SPEC, section 2\n/);
  assert.match(text, /\n {4}ip link\n/);
  assert.equal(failureText([row("1.1.0", "pass")]), "");
});

test("what is not supported is told once for each reason", () => {
  assert.equal(unsupportedText(rows), "– no VLANs: 2 (s/a@0.4.0, …)");
  assert.equal(unsupportedText([]), "");
});

test("the summary counts", () => {
  assert.equal(summaryLine(rows), "1 passed, 2 failed, 2 not supported");
});
