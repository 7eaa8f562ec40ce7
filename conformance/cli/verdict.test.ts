import assert from "node:assert/strict";
import { test } from "node:test";
import type { Row } from "../report/row.ts";
import { verdictLine, verdictOf } from "./verdict.ts";

const row = (status: Row["status"], more: Partial<Row> = {}): Row => ({
  id: "s/a@1.1.0",
  suite: "s",
  name: "a",
  plugin: "bridge",
  version: "1.1.0",
  source: "",
  status,
  ...more,
});
const rows = [
  row("pass"),
  row("pass"),
  row("fail"),
  row("not supported"),
  row("not supported", { missing: ["vlan"] }),
  row("not supported", { missing: ["strace"] }),
];

test("what the machine lacks is skipped", () => {
  assert.deepEqual(verdictOf(rows, undefined, 0), { passed: 2, failed: 1, skipped: 2 });
});

test("what it may not lack is a failure, and what it may is left to another machine", () => {
  assert.deepEqual(verdictOf(rows, ["vlan"], 0), { passed: 2, failed: 2, skipped: 0 });
  assert.deepEqual(verdictOf(rows, [], 0), { passed: 2, failed: 3, skipped: 0 });
});

test("a difference from another implementation is a failure", () => {
  assert.deepEqual(verdictOf([row("pass")], [], 3), { passed: 1, failed: 3, skipped: 0 });
});

test("the line is that of the other tests", () => {
  assert.equal(verdictLine({ passed: 2, failed: 1, skipped: 0 }), "scenarios: 2 passed, 1 failed, 0 skipped");
});
