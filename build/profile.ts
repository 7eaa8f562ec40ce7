/**
 * `npm run profile`, as root: writes cold-functions/, the functions of each plugin that usual calls do not call. Usual
 * is what runtimes do all day, seen in the conformance suite's chains of plugins: ADD, CHECK and DEL, also after a
 * node's restart, and VERSION. What only GC and STATUS call, what errors are told with, and what is called when modules
 * are evaluated alone, is cold.
 *
 * A function that is not in the list, such as a new or changed one, counts as warm: a list that is out of date costs
 * some time in each start, and nothing else.
 */
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildExecutable } from "./executable.ts";
import { calledFunctions, compiledFunctions } from "./functions.ts";
import { snapshotNode } from "./node/binary.ts";
import { pluginNames as plugins } from "./plugin-names.ts";
import { programOf } from "./plugins.ts";
import { coldFunctionsFile } from "./snapshot-input.ts";

const scenarios = [
  "/^chains\\/(?!.*\\bGC\\b)/",
  "adds, checks, deletes, and deletes again",
  "tells its versions",
  "a published port is reached in both families",
];
const filters = scenarios.flatMap((scenario) => ["--filter", scenario]);

const root = join(import.meta.dirname, "..");
const work = mkdtempSync(join(tmpdir(), "cni-profile-"));
try {
  const bin = join(work, "bin");
  const node = snapshotNode();
  const build = (name: string, executable = programOf(name)): Promise<string> => {
    const flags = [
      "--log-function-events",
      `--logfile=${join(work, name)}-%p.log`,
      "--no-logfile-per-isolate",
    ];
    return buildExecutable({ ...executable, cold: "all", output: join(bin, name), node, flags });
  };
  const programs = new Map<string, string>();
  for (const name of plugins) programs.set(name, await build(name));
  runScenarios(bin);
  const ends = new Map(plugins.map((name) => [name, endsOf(name)]));
  // Again with each in a process of its own, as with other people's plugins.
  for (const name of plugins) await build(name, { ...programOf(name), builtIn: undefined });
  runScenarios(bin);
  for (const [name, program] of programs) {
    const isWhole = programOf(name).builtIn === undefined;
    const called = calledFunctions(program, isWhole ? endsOf(name) : (ends.get(name) ?? new Set()));
    const cold = [...called].flatMap(([hash, isCalled]) => (isCalled ? [] : [hash]));
    writeFileSync(coldFunctionsFile(name), `${cold.sort().join("\n")}\n`);
    console.log(`${name}: of ${called.size} functions ${cold.length} are cold`);
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
