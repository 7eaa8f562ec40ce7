/**
 * Runs in the virtual machine: the tests or scenarios that it was booted for, in one process, because starting Node
 * takes seconds.
 */
import { readFileSync } from "node:fs";
import { uptime } from "node:os";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { asString, parseObject } from "../harness/host/json.ts";
import { boot, isRebootTest } from "./boots.ts";
import { countsLine } from "./outcome.ts";

const plan = parseObject(readFileSync(new URL("../../vm-plan.json", import.meta.url), "utf8"));
const scenarios = textList(plan["scenarios"]);
if (scenarios.length > 0) {
  const { runGuestScenarios } = await import("./guest-scenarios.ts");
  await runGuestScenarios(scenarios, plan["observe"] === true);
} else runTests(textList(plan["files"]));

function runTests(all: readonly string[]): void {
  const files = boot === 1 ? all : all.filter(isRebootTest);
  console.log(`# boot ${boot}: up for ${uptime().toFixed(1)} s, ${files.length} test files`);
  const tests = run({ files, isolation: "none", concurrency: false });
  tests.on("test:summary", ({ file, counts }) => {
    if (file !== undefined) return;
    const { passed, skipped, todo } = counts;
    const failed = counts.tests - passed - skipped - todo;
    process.on("exit", () => console.log(countsLine({ passed, failed, skipped })));
  });
  tests.on("test:fail", () => {
    process.exitCode = 1;
  });
  tests.compose(spec).pipe(process.stdout);
}

function textList(value: unknown): string[] {
  return Array.isArray(value) ? value.map(asString) : [];
}
