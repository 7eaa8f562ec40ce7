/**
 * `npm run node-changes -- VERSION|FILE`: tries another Node, of npm's packages or a file. Prints what becomes of each
 * change, builds executables with it, runs the tests of build/ and shared/runtime, and compares starts with the pinned
 * one's. build/node/README.md tells how the next Node is taken.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { outcomesOf } from "../node/apply.ts";
import { snapshotNode } from "../node/binary.ts";
import { changes, changesForBuilding } from "../node/changes.ts";
import { symbolsOf } from "../node/elf.ts";
import { fetchNode } from "../node/published.ts";
import { buildExecutable } from "./executable.ts";
import { programOf } from "./plugins.ts";

const [wanted] = process.argv.slice(2);
if (wanted === undefined) {
  console.error("usage: npm run node-changes -- VERSION|FILE");
  process.exit(2);
}
const work = mkdtempSync(join(tmpdir(), "node-changes-"));
try {
  const path = join(work, "node");
  writeFileSync(path, existsSync(wanted) ? readFileSync(wanted) : fetchNode(wanted, process.arch).binary, {
    mode: 0o755,
  });
  const binary = readFileSync(path);
  for (const { change, refusal } of outcomesOf(binary, symbolsOf(binary), [
    ...changes,
    ...changesForBuilding,
  ])) {
    console.log(`${change.name}: ${refusal ?? "applies"}`);
  }
  const plugin = "tuning";
  const files = new Map<string, string>();
  for (const [name, node] of [["pinned"], ["other", path]] as const) {
    const output = join(work, name, plugin);
    await buildExecutable({ ...programOf(plugin), output, node: snapshotNode(node) });
    files.set(name, output);
  }
  const env = { ...process.env, CNI_PLUGINS_NODE: path };
  const tests = [
    "build/run-tests.ts",
    "unit",
    "build/node",
    "build/program/executable",
    "build/program/guards",
    "shared/runtime",
  ];
  const { status } = spawnSync(path, tests, {
    env,
    stdio: "inherit",
    cwd: join(import.meta.dirname, "../.."),
  });
  console.log(status === 0 ? "the tests pass" : "the tests fail");
  const times = new Map([...files.keys()].map((name): [string, number[]] => [name, []]));
  for (let run = 0; run < 40; run++) {
    for (const [name, file] of files) {
      const start = performance.now();
      spawnSync(file, { env: { CNI_COMMAND: "VERSION" } });
      times.get(name)?.push(performance.now() - start);
    }
  }
  for (const [name, all] of times) {
    const median = all.sort((a, b) => a - b)[all.length / 2] ?? 0;
    console.log(`${name}: ${plugin}'s VERSION takes ${median.toFixed(1)} ms (median of ${all.length})`);
  }
  if (status !== 0) process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true });
}
