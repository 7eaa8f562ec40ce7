/**
 * `npm run profile`, as root: writes cold-functions/, the functions of each plugin that usual calls do not call. Usual
 * is what runtimes do all day, seen in the conformance suite's chains of plugins: ADD, CHECK and DEL, also after a
 * node's restart, and VERSION. What only GC and STATUS call, what errors are told with, and what is called when modules
 * are evaluated alone, is cold.
 *
 * A function that the list does not name, such as a new or renamed one, counts as warm, unless all around it is cold: a
 * list that is out of date costs some time in each start, and nothing else.
 */
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { snapshotNode } from "../node/binary.ts";
import { formatColdFunctions } from "./cold-functions.ts";
import { buildExecutable } from "./executable.ts";
import { calledFunctions, compiledFunctions, functionsOf } from "./functions.ts";
import { pluginNames as plugins } from "./plugin-names.ts";
import { programOf } from "./plugins.ts";
import type { Script } from "./script.ts";
import { coldFunctionsFile } from "./snapshot-input.ts";

const scenarios = [
  "/^chains\\/(?!.*\\bGC\\b)/",
  "adds, checks, deletes, and deletes again",
  "tells its versions",
  "a published port is reached in both families",
];
const filters = scenarios.flatMap((scenario) => ["--filter", scenario]);

const root = join(import.meta.dirname, "../..");
const work = mkdtempSync(join(tmpdir(), "cni-profile-"));
try {
  const bin = join(work, "bin");
  const node = snapshotNode();
  const build = (name: string, executable = programOf(name)): Promise<Script> => {
    const flags = [
      "--log-function-events",
      // The process and the time: hosts of scenarios number their processes alike.
      `--logfile=${join(work, name)}-%p-%t.log`,
      "--no-logfile-per-isolate",
    ];
    return buildExecutable({ ...executable, cold: "all", output: join(bin, name), node, flags });
  };
  const programs = new Map<string, Script>();
  for (const name of plugins) programs.set(name, await build(name));
  runScenarios(bin);
  const ends = new Map(plugins.map((name) => [name, endsOf(name)]));
  // Again with each in a process of its own, as with other people's plugins.
  for (const name of plugins) await build(name, { ...programOf(name), builtIn: undefined });
  runScenarios(bin);
  for (const [name, program] of programs) {
    const isWhole = programOf(name).builtIn === undefined;
    const called = calledFunctions(
      functionsOf(program),
      isWhole ? endsOf(name) : (ends.get(name) ?? new Set()),
    );
    const cold = new Map([...called].map(([name, isCalled]) => [name, !isCalled]));
    writeFileSync(coldFunctionsFile(name), formatColdFunctions(cold));
    const count = [...cold.values()].filter((isCold) => isCold).length;
    console.log(`${name}: of ${called.size} functions ${count} are cold`);
  }
} finally {
  rmSync(work, { recursive: true });
}

function runScenarios(bin: string): void {
  const cli = join(root, "conformance/cli/main.ts");
  const { status } = spawnSync(process.execPath, [cli, "--bin-dir", bin, ...filters], { stdio: "inherit" });
  if (status !== 0) throw new Error("what failed above was not profiled: the lists stay as they are");
}

/** Where the functions of a program end that were compiled so far, each when it was first called. */
function endsOf(name: string): Set<number> {
  const logs = globSync(`${name}-*.log`, { cwd: work });
  return new Set(logs.flatMap((log) => compiledFunctions(readFileSync(join(work, log), "latin1"))));
}
