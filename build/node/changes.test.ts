import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { applyChanges, outcomesOf } from "./apply.ts";
import { pinnedNode, v8Flags } from "./binary.ts";
import { changes, changesForBuilding } from "./changes.ts";
import { symbolsOf } from "./elf.ts";

const folder = mkdtempSync(join(tmpdir(), "node-changes-test-"));
process.on("exit", () => rmSync(folder, { recursive: true }));
const changed = join(folder, "node");

/** Those after which Node no longer starts by itself. */
const onlyForSnapshots = [
  "own-snapshot",
  "code-caches-of-modules",
  "copy-of-snapshot",
  "positions-for-debugger",
];

/** What a program prints, run by the changed Node with the executables' flags. */
function run(program: string, env: NodeJS.ProcessEnv = {}): string {
  const { stdout, stderr } = spawnSync(changed, [...v8Flags, "-p", program], { env, encoding: "utf8" });
  assert.equal(stderr, "");
  return stdout.trim();
}

before(() => {
  const binary = readFileSync(pinnedNode);
  applyChanges(
    binary,
    symbolsOf(binary),
    changes.filter(
      ({ name, onlyInExecutables = false }) => !onlyInExecutables && !onlyForSnapshots.includes(name),
    ),
  );
  writeFileSync(changed, binary, { mode: 0o755 });
});

test("all changes apply to the pinned Node, and no two write to the same place", (t) => {
  if (process.arch !== "x64") return t.skip("two changes within functions are for x86-64 only");
  const binary = readFileSync(pinnedNode);
  const outcomes = outcomesOf(binary, symbolsOf(binary), [...changes, ...changesForBuilding]);
  for (const { change, refusal } of outcomes) assert.equal(refusal, undefined, change.name);
  const patches = outcomes.flatMap((outcome) => outcome.patches).sort((a, b) => a.offset - b.offset);
  for (const [index, { offset, bytes }] of patches.entries()) {
    const next = patches[index + 1];
    assert.ok(next === undefined || offset + bytes.length <= next.offset);
  }
});

test("every change is declared whole, under a name of its own", () => {
  for (const change of [...changes, ...changesForBuilding]) {
    const texts = [change.name, change.source, change.before, change.after, change.safe, change.checkedBy];
    for (const text of texts) assert.ok(text.length > 5, change.name);
    assert.ok(change.edits.length > 0 && change.saves > 0, change.name);
  }
  assert.equal(new Set(changes.map(({ name }) => name)).size, changes.length);
});

test("README has each of them in its table", () => {
  const readme = readFileSync(join(import.meta.dirname, "README.md"), "utf8");
  for (const { name, kind, saves, before, after, loses, required } of changes) {
    const mark = required === true ? ", required" : "";
    assert.ok(
      readme.includes(
        `| \`${name}\`${mark} | ${kind} | ${saves} ms | ${before} → ${after} | ${loses ?? "–"} |\n`,
      ),
      name,
    );
  }
});

test("a changed Node still runs", () => {
  assert.equal(run("6 * 7"), "42");
});

test("OpenSSL is there for who asks for it, and nobody's configuration of it matters", () => {
  const env = { OPENSSL_CONF: "/dev/null/nothing", NODE_EXTRA_CA_CERTS: "/dev/null/nothing" };
  const hash = '"node:crypto").createHash("sha512").update("a").digest("hex").slice(0, 8)';
  assert.equal(run(`process.getBuiltinModule(${hash}`, env), "1f40fc92");
});

test("the heap's limit is the same everywhere", () => {
  assert.equal(run("v8.getHeapStatistics().heap_size_limit / 2 ** 20"), "2240");
  assert.equal(run("os.totalmem() / 2 ** 30"), "4");
});

test("random numbers are others in each start", () => {
  const numbers = [1, 2, 3].map(() => run("Math.random() + crypto.randomUUID()"));
  assert.equal(new Set(numbers).size, 3);
});
