/** Is the suite any good? Every deliberately wrong plugin must be caught by the scenario that is named for it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { findAbilities } from "../cli/abilities.ts";
import { allTasks, whyNot } from "../cli/plan.ts";
import { pluginFolder } from "../harness/binaries.ts";
import { runScenario } from "../scenario/run-scenario.ts";
import { suites } from "../suites/all.ts";
import { writeMutantFolder } from "./bin-dir.ts";
import { mutants } from "./mutants.ts";

const binDir = pluginFolder();
const tasks = allTasks(suites);

for (const mutant of mutants) {
  test(`${mutant.plugin} that ${mutant.name} is caught by ${mutant.killedBy}`, async (t) => {
    const folder = mkdtempSync(`${tmpdir()}/cni-mutant-`);
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    writeMutantFolder(mutant, binDir, `${folder}/bin`);
    const abilities = await findAbilities(binDir, [mutant.plugin]);
    const killers = tasks.filter(
      (task) => task.row.id.startsWith(mutant.killedBy) && whyNot(task, abilities) === undefined,
    );
    assert.ok(killers.length > 0, "there is no such scenario");
    for (const { row, scenario } of killers) {
      const { passed, reason } = await runScenario(scenario, row.version, { binDir: `${folder}/bin` });
      if (passed) continue;
      t.diagnostic(`${row.id}: ${reason?.split("\n")[0]}`);
      return;
    }
    assert.fail(`${killers.length} scenarios noticed nothing`);
  });
}
