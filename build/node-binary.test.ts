import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { deadlockDetection, fileOffset, setVariable } from "./node-binary.ts";
import { pinnedNode } from "./runtime.ts";

test("the pinned Node has the variable, which is changed once, and nothing else is", () => {
  const original = readFileSync(pinnedNode);
  const changed = Buffer.from(original);
  const offset = setVariable(changed, deadlockDetection);
  assert.ok(offset !== undefined);
  assert.equal(setVariable(changed, deadlockDetection), undefined, "it has another value by now");
  changed.writeInt32LE(deadlockDetection.from, offset);
  assert.ok(changed.equals(original));
});

test("a changed Node still runs", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "node-binary-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const changed = readFileSync(pinnedNode);
  assert.ok(setVariable(changed, deadlockDetection) !== undefined);
  writeFileSync(join(folder, "node"), changed, { mode: 0o755 });
  const { stdout, stderr } = spawnSync(join(folder, "node"), ["-p", "6 * 7"], { env: {}, encoding: "utf8" });
  assert.deepEqual({ stdout, stderr }, { stdout: "42\n", stderr: "" });
});

test("what is no such binary is left as it is", () => {
  for (const file of [Buffer.alloc(0), Buffer.alloc(100), Buffer.from("#!/bin/sh\n".repeat(20))]) {
    assert.equal(fileOffset(file, deadlockDetection.symbol), undefined);
  }
  assert.equal(fileOffset(readFileSync(pinnedNode), "no_such_symbol"), undefined);
});
