/**
 * `node build/run-tests.ts unit|kernel|conformance [part of a path…]`: runs the tests of one kind, a process for
 * each file. Fails when a test fails, when there is none, and in CI (`CI=true`) also when one was skipped.
 */
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { sourceFiles } from "./source-files.ts";
import { isTestKind, testKind } from "./test-kinds.ts";

const [kind, ...parts] = process.argv.slice(2);
if (!isTestKind(kind)) fail("usage: node build/run-tests.ts unit|kernel|conformance [part of a path…]");
if (kind !== "unit" && process.getuid?.() !== 0) {
  fail(`the ${kind} tests make network namespaces and must run as root, for example: sudo npm run ${kind}`);
}

const files = sourceFiles()
  .filter(
    ({ name }) =>
      testKind(name) === kind && (parts.length === 0 || parts.some((part) => name.includes(part))),
  )
  .map(({ path }) => path);
if (files.length === 0) fail(`no ${kind} test found${parts.length > 0 ? ` in ${parts.join(", ")}` : ""}`);

// Kernel and conformance tests share the machine's conntrack table, modules and processors: one file at a time.
const tests = run({ files, concurrency: kind === "unit" ? 2 : 1, timeout: 15 * 60_000 });
tests.on("test:summary", ({ file, counts, success }) => {
  // One summary comes for each file, and one without a file for all of them.
  if (file !== undefined) return;
  if (!success || counts.passed === 0) process.exitCode = 1;
  const failed = counts.tests - counts.passed - counts.skipped - counts.todo;
  const refused = counts.skipped > 0 && process.env["CI"] === "true";
  if (refused) process.exitCode = 1;
  process.on("exit", () => {
    if (refused) console.log("nothing may be skipped in CI");
    console.log(`${kind}: ${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped`);
  });
});
tests.on("test:fail", () => {
  process.exitCode = 1;
});
tests.compose(spec).pipe(process.stdout);

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
