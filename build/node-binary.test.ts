import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { applyChange, type Change, fileOffset } from "./node-binary.ts";
import { changesForSnapshots, changesOf, flagHashOf } from "./node-changes.ts";
import { pinnedNode, v8Flags } from "./runtime.ts";

const folder = mkdtempSync(join(tmpdir(), "node-binary-test-"));
process.on("exit", () => rmSync(folder, { recursive: true }));
const changed = join(folder, "node");

/** What a program prints, run by the changed Node with the executables' flags. */
function run(program: string, { flags = [] as readonly string[], env = {} } = {}): string {
  const args = [...v8Flags, ...flags, "-p", program];
  const { stdout, stderr } = spawnSync(changed, args, { env, encoding: "utf8" });
  assert.equal(stderr, "");
  return stdout.trim();
}

before(() => {
  const binary = readFileSync(pinnedNode);
  for (const change of changesOf(pinnedNode)) applyChange(binary, change);
  writeFileSync(changed, binary, { mode: 0o755 });
});

test("the pinned Node has all that is to be changed, which is changed once, and nothing else is", (t) => {
  if (process.arch !== "x64") return t.skip("the changes of code are for x86-64");
  const original = readFileSync(pinnedNode);
  const binary = Buffer.from(original);
  const done: { change: Change; at: number }[] = [];
  for (const change of [...changesOf(pinnedNode), ...changesForSnapshots]) {
    const at = applyChange(binary, change);
    assert.ok(at !== undefined, change.symbol);
    assert.equal(applyChange(binary, change), undefined, "it is another by now");
    done.push({ change, at });
  }
  for (const { change, at } of done) Buffer.from(change.from, "hex").copy(binary, at);
  assert.ok(binary.equals(original));
});

test("a changed Node still runs", () => {
  assert.equal(run("6 * 7"), "42");
});

test("it takes Node's code caches whatever V8's flags are", () => {
  assert.equal(flagHashOf(changed), flagHashOf(pinnedNode));
  const program = `require("child_process"); require("vm");
    const { getCacheUsage } = require("internal/test/binding").internalBinding("builtins");
    const { compiledWithCache, compiledWithoutCache } = getCacheUsage();
    JSON.stringify({ with: compiledWithCache.has("child_process"), without: [...compiledWithoutCache] })`;
  assert.deepEqual(JSON.parse(run(program, { flags: ["--expose-internals", "--no-warnings"] })), {
    with: true,
    without: [],
  });
});

test("OpenSSL is there for who asks for it, and nobody's configuration of it matters", () => {
  const env = { OPENSSL_CONF: "/dev/null/nothing", NODE_EXTRA_CA_CERTS: "/dev/null/nothing" };
  const hash = '"node:crypto").createHash("sha512").update("a").digest("hex").slice(0, 8)';
  assert.equal(run(`process.getBuiltinModule(${hash}`, { env }), "1f40fc92");
});

test("random numbers are others in each start", () => {
  const numbers = [1, 2, 3].map(() => run("Math.random() + crypto.randomUUID()"));
  assert.equal(new Set(numbers).size, 3);
});

test("what is no such binary is left as it is", () => {
  const change: Change = { symbol: "main", from: "00", to: "01", saves: 0 };
  for (const file of [Buffer.alloc(0), Buffer.alloc(100), Buffer.from("#!/bin/sh\n".repeat(20))]) {
    assert.equal(applyChange(file, change), undefined);
  }
  assert.equal(fileOffset(readFileSync(pinnedNode), "no_such_symbol"), undefined);
});
