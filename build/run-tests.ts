/**
 * `node build/run-tests.ts unit|kernel|conformance|vm [part of a path…]`: runs the tests of one kind, a process for
 * each file. Fails when a test fails, when there is none, and in CI (`CI=true`) also when one was skipped.
 *
 * `vm` runs its tests on Debian's kernel in a virtual machine; with parts of paths also those of kind kernel and
 * conformance.
 */
import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { sourceFiles } from "./sources/source-files.ts";
import { cacheFile } from "./test/cache-file.ts";
import { heaviestFirst } from "./test/heaviest-first.ts";
import { keepSeconds, readLastSeconds } from "./test/last-seconds.ts";
import { isTestKind, type TestKind, testKind } from "./test/test-kinds.ts";

const root = join(import.meta.dirname, "..");
const [kind, ...parts] = process.argv.slice(2);
if (!isTestKind(kind)) fail("usage: node build/run-tests.ts unit|kernel|conformance|vm [part of a path…]");
if (kind !== "unit" && process.getuid?.() !== 0) {
  fail(`the ${kind} tests make network namespaces and must run as root, for example: sudo npm run ${kind}`);
}

// Every process of the tests compiles the same code, and finds it here compiled.
process.env["NODE_COMPILE_CACHE"] ??= cacheFile("node");

const files = sourceFiles().filter(
  ({ name }) => belongs(testKind(name)) && (parts.length === 0 || parts.some((part) => name.includes(part))),
);
if (files.length === 0) fail(`no ${kind} test found${parts.length > 0 ? ` in ${parts.join(", ")}` : ""}`);

if (kind === "vm") {
  const { runInVm } = await import("../conformance/vm/run.ts");
  process.exit(await runInVm(files.map(({ name }) => name)));
}

// Each file has hosts of its own. Black-box tests mostly wait.
const concurrency = availableParallelism() + (kind === "conformance" ? 1 : 0);
const weighed = files.map((file) => ({ ...file, size: statSync(file.path).size }));
const tests = run({
  files: heaviestFirst(weighed, readLastSeconds()).map(({ path }) => path),
  concurrency,
  timeout: 30 * 60_000,
});
/** By the file's path from the repository's root. */
const seconds = new Map<string, number>();
tests.on("test:summary", ({ file, counts, success, duration_ms: milliseconds }) => {
  // One summary comes for each file, and one without a file for all of them.
  if (file !== undefined) {
    seconds.set(relative(root, file), milliseconds / 1000);
    return;
  }
  keepSeconds(seconds);
  if (!success || counts.passed === 0) process.exitCode = 1;
  const failed = counts.tests - counts.passed - counts.skipped - counts.todo;
  const refused = counts.skipped > 0 && process.env["CI"] === "true";
  if (refused) process.exitCode = 1;
  process.on("exit", () => {
    if (refused) console.log("nothing may be skipped in CI");
    if (kind !== "unit") printSlowest(seconds);
    if (counts.todo > 0) console.log(`${counts.todo} todo: faults that are known and not mended yet`);
    console.log(`${kind}: ${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped`);
  });
});
// A todo is a fault that is known and not mended yet.
tests.on("test:fail", ({ todo }) => {
  if (todo === undefined || todo === false) process.exitCode = 1;
});
tests.compose(spec).pipe(process.stdout);

/** Where a run's time went, so that it does not grow unseen. */
function printSlowest(seconds: ReadonlyMap<string, number>): void {
  const slowest = [...seconds].toSorted(([, a], [, b]) => b - a).slice(0, 12);
  const lines = slowest.map(([file, time]) => `${time.toFixed(0).padStart(5)} s  ${file}`);
  console.log(`the slowest of ${seconds.size} files:\n${lines.join("\n")}`);
}

/** Whether the tests of a kind can be asked for in this run. */
function belongs(fileKind: TestKind | undefined): boolean {
  if (kind === "vm" && parts.length > 0) return fileKind !== undefined && fileKind !== "unit";
  return fileKind === kind;
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
