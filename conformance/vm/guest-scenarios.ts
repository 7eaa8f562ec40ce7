import { findAbilities } from "../plan/abilities.ts";
import { allTasks, whyNot } from "../plan/plan.ts";
import { counts, type Row } from "../report/row.ts";
import { runScenario } from "../scenario/run-scenario.ts";
import { suites } from "../suites/all.ts";
import { guest } from "./guest-init.ts";
import { countsLine, rowLine } from "./outcome.ts";

/** Runs scenarios (by their IDs) in the virtual machine, and prints a line for each that the host can read. */
export async function runGuestScenarios(ids: readonly string[], observe: boolean): Promise<void> {
  const wanted = new Set(ids);
  const tasks = allTasks(suites).filter(({ row }) => wanted.has(row.id));
  const binDir = guest.plugins;
  const abilities = await findAbilities(
    binDir,
    tasks.map(({ row }) => row.plugin),
  );
  const rows: Row[] = [];
  for (const task of tasks) {
    const obstacle = whyNot(task, abilities);
    const row: Row =
      obstacle === undefined ? await rowOf(task) : { ...task.row, status: "not supported", ...obstacle };
    rows.push(row);
    console.log(rowLine(row));
  }
  const { passed, failed, unsupported } = counts(rows);
  if (failed > 0) process.exitCode = 1;
  console.log(countsLine({ passed, failed, skipped: unsupported }));

  async function rowOf({ row, scenario }: (typeof tasks)[number]): Promise<Row> {
    const outcome = await runScenario(scenario, row.version, { binDir, observe });
    const { passed, reason: why } = outcome;
    return { ...row, status: passed ? "pass" : "fail", ...(why !== undefined && { reason: why }), outcome };
  }
}
