import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { isSea } from "node:sea";
import { ensurePeer, peerReleaseOf } from "../harness/plugins/peers.ts";
import { findAbilities } from "../plan/abilities.ts";
import { allTasks, type Task, wantedTasks, whyNot } from "../plan/plan.ts";
import { reportText } from "../report/formats.ts";
import { Progress } from "../report/progress.ts";
import type { Row } from "../report/row.ts";
import { failureText, resultTable, summaryLine, unsupportedText } from "../report/table.ts";
import { suites } from "../suites/all.ts";
import { type Comparison, compareImplementations, comparisonText } from "./against.ts";
import { type Arguments, readArguments, usage } from "./arguments.ts";
import { untriedText, wronglyUntried } from "./may-lack.ts";
import { verdictLine, verdictOf } from "./verdict.ts";
import { runTasks } from "./workers.ts";

/** Runs the suite as the command line asks for, and returns the exit status. */
export async function conformance(argv: readonly string[]): Promise<number> {
  if (argv.includes("--help") || argv.includes("-h")) {
    console.log(usage);
    return 0;
  }
  try {
    const asked = readArguments(argv, isSea() ? "/opt/cni/bin" : "dist/bin", availableParallelism());
    return await run({ ...asked, binDir: resolve(asked.binDir) });
  } catch (error) {
    console.error(`conformance: ${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    return 2;
  }
}

async function run(asked: Arguments): Promise<number> {
  const tasks = wantedTasks(allTasks(suites), asked.filters);
  if (tasks.length === 0) throw new Error(`no scenario has ${asked.filters.join(" or ")} in its ID`);
  for (const file of asked.reports) reportText(file, [], asked);
  if (asked.list) {
    for (const { row } of tasks) console.log(`${row.id}\n    ${row.source}`);
    return 0;
  }
  if (process.getuid?.() !== 0) throw new Error("namespaces are made: run it as root");
  const rows = await runAll(tasks, asked.binDir, asked);
  show(asked.binDir, rows);
  for (const file of asked.reports) writeFileSync(file, reportText(file, rows, asked));
  const kept = rows.find(({ outcome }) => outcome?.keptHost !== undefined)?.outcome?.keptHost;
  if (kept !== undefined) console.log(keptText(kept));
  const untried = asked.mayLack === undefined ? [] : wronglyUntried(rows, asked.mayLack);
  if (untried.length > 0) console.log(`\n${untriedText(untried)}`);
  const differences =
    asked.against === undefined ? 0 : await showDifferences(tasks, rows, asked.against, asked);
  const verdict = verdictOf(rows, asked.mayLack, differences);
  console.log(`\n${verdictLine(verdict)}`);
  return verdict.failed === 0 ? 0 : 1;
}

/** Compares with another implementation, and returns how many differences there are that are not meant. */
async function showDifferences(
  tasks: readonly Task[],
  rows: readonly Row[],
  against: string,
  asked: Arguments,
): Promise<number> {
  const comparison = await compare(tasks, rows, against, asked);
  console.log(`\n${comparisonText(comparison)}`);
  return comparison.unlisted.length + comparison.stale.length;
}

async function runAll(tasks: readonly Task[], binDir: string, asked: Arguments): Promise<Row[]> {
  if (asked.kernel) return await runAllInVm(tasks, binDir, asked);
  const plugins = [...new Set(tasks.map(({ row }) => row.plugin))];
  const abilities = await findAbilities(binDir, plugins);
  if (abilities.plugins.size === 0) throw new Error(`${binDir} has none of ${plugins.join(", ")}`);
  const obstacles = tasks.map((task) => whyNot(task, abilities));
  const possible = tasks.filter((_task, index) => obstacles[index] === undefined);
  const progress = new Progress(possible.length);
  const options = { binDir, keep: asked.keep, observe: asked.against !== undefined };
  const done = await runTasks(possible, options, asked.jobs, (row) => progress.ended(row));
  const byId = new Map(done.map((row) => [row.id, row]));
  return tasks.flatMap(({ row }, index): Row[] => {
    const obstacle = obstacles[index];
    if (obstacle !== undefined) return [{ ...row, status: "not supported", ...obstacle }];
    const own = byId.get(row.id);
    return own === undefined ? [] : [own];
  });
}

async function compare(
  tasks: readonly Task[],
  rows: readonly Row[],
  against: string,
  asked: Arguments,
): Promise<Comparison> {
  const peer = peerReleaseOf(against);
  const binDir = peer === undefined ? resolve(against) : ensurePeer(peer).binDir;
  console.log(`\nnow ${binDir}\n`);
  const others = await runAll(tasks, binDir, { ...asked, keep: false });
  console.log(`${binDir}\n\n${resultTable(others)}\n\n${summaryLine(others)}`);
  // The list is about the Go plugins: only by them can it be out of date.
  const areAll = peer !== undefined && asked.filters.length === 0 && !asked.kernel;
  return compareImplementations(rows, others, { areAll, peer });
}

function show(binDir: string, rows: readonly Row[]): void {
  const parts = [binDir, resultTable(rows), unsupportedText(rows), failureText(rows), summaryLine(rows)];
  console.log(parts.filter((part) => part !== "").join("\n\n"));
}

function keptText(pid: number): string {
  return [
    "",
    "Its host is still there, for a look and for repeating the lines above:",
    `  nsenter --target ${pid} --net --mount sh`,
    `  kill -9 ${pid}    # removes it`,
  ].join("\n");
}

async function runAllInVm(tasks: readonly Task[], binDir: string, asked: Arguments): Promise<Row[]> {
  if (isSea()) throw new Error("--kernel needs a checkout of the repository");
  const { needsFullKernel, runTasksInVm } = await import("../vm/conformance.ts");
  const chosen = asked.filters.length > 0 ? tasks : tasks.filter(needsFullKernel);
  if (chosen.length === 0)
    throw new Error("no scenario needs the kernel of --kernel: choose some with --filter");
  const progress = new Progress(chosen.length);
  return await runTasksInVm(chosen, { binDir, observe: asked.against !== undefined }, (row) =>
    progress.ended(row),
  );
}
