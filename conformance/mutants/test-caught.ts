import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { type TestContext, test } from "node:test";
import { pluginFolder, pluginNames } from "../harness/plugins/binaries.ts";
import { findAbilities } from "../plan/abilities.ts";
import { allTasks, type Task, whyNot } from "../plan/plan.ts";
import { runScenario } from "../scenario/run-scenario.ts";
import { suites } from "../suites/all.ts";
import { writeMutantFolder } from "./bin-dir.ts";
import type { Mutant } from "./mutation.ts";

const realDir = pluginFolder();
const tasks = allTasks(suites);

/** Is the suite any good? Tests that each deliberately wrong plugin is caught by the scenario that is named for it. */
export async function testCaught(mutants: readonly Mutant[]): Promise<void> {
  const abilities = await findAbilities(realDir, pluginNames);
  for (const mutant of mutants) {
    test(`${mutant.plugin} that ${mutant.name} is caught by ${mutant.killedBy}`, async (t) => {
      const task = taskOf(mutant.killedBy);
      assert.ok(task !== undefined, "there is no such scenario");
      assert.equal(whyNot(task, abilities), undefined, "the scenario cannot be run");
      await assertCaught(t, mutant, task);
    });
  }
}

async function assertCaught(t: TestContext, mutant: Mutant, { row, scenario }: Task): Promise<void> {
  const { reason, limitSeconds } = mutant;
  const folder = mkdtempSync(`${tmpdir()}/cni-mutant-`);
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { binDir, calls } = writeMutantFolder(mutant, realDir, folder);
  const outcome = await runScenario(scenario, row.version, {
    binDir,
    ...(limitSeconds !== undefined && { limitSeconds }),
  });
  assert.ok(!outcome.passed, "the scenario noticed nothing");
  assert.ok(outcome.isBroken !== true, `the scenario broke: ${outcome.reason}`);
  const { begun, answered, broken } = calls();
  assert.notEqual(begun, 0, "the scenario failed before it called the mutant");
  const hung = limitSeconds === undefined ? 0 : 1;
  assert.equal(begun - answered, hung, `the mutant itself broke: ${broken.join("; ") || outcome.reason}`);
  t.diagnostic(shortened(outcome.reason ?? ""));
  assert.match(outcome.reason ?? "", reason, "the scenario noticed something else");
}

/** A reason in one line, without what makes it long. */
function shortened(reason: string): string {
  const line = reason.split("\n").slice(0, 3).join(" ").replaceAll(/\s+/g, " ");
  return line.length > 300 ? `${line.slice(0, 300)}…` : line;
}

/** The task with this ID; without a version, the newest of the scenario. */
function taskOf(id: string): Task | undefined {
  const exact = tasks.find(({ row }) => row.id === id);
  return exact ?? tasks.findLast(({ row }) => `${row.suite}/${row.name}` === id);
}
