/**
 * `npm run profile`, as root: writes cold-functions/, the functions of each plugin that usual calls do not call. Usual is
 * what runtimes do all day, seen in the conformance suite's chains of plugins: ADD, CHECK and DEL, also after a
 * node's restart, and VERSION. What only GC and STATUS call, what errors are told with, and what is called when modules
 * are evaluated, is cold.
 *
 * A function that is not in the list, such as a new or changed one, counts as warm: a list that is out of date costs
 * some time in each start, and nothing else.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asFunction, coldFunctionsFile } from "./compile.ts";
import { programText } from "./executable.ts";
import { calledFunctions } from "./functions.ts";
import { executableOf, plugins } from "./plugins.ts";
import { pinnedNode } from "./runtime.ts";

const scenarios = [
  "/^chains/",
  "adds, checks, deletes, and deletes again",
  "tells its versions",
  "a published port is reached in both families",
];
/** The commands whose calls are usual. */
const usual = ["ADD", "CHECK", "DEL", "VERSION"];
const filters = scenarios.flatMap((scenario) => ["--filter", scenario]);

const root = join(import.meta.dirname, "..");
const work = mkdtempSync(join(tmpdir(), "cni-profile-"));
try {
  const bin = join(work, "bin");
  mkdirSync(bin);
  const scripts = new Map<string, string>();
  for (const name of plugins) {
    const { program } = await programText(executableOf(name), () => "");
    const script = asFunction(program);
    scripts.set(name, script);
    writeFileSync(join(work, `${name}.js`), script);
    writeFileSync(join(bin, name), wrapper(name));
    chmodSync(join(bin, name), 0o755);
  }
  const cli = join(root, "conformance/cli/main.ts");
  const { status } = spawnSync(process.execPath, [cli, "--bin-dir", bin, ...filters], { stdio: "inherit" });
  if (status !== 0) throw new Error("what failed above was not profiled: the lists stay as they are");
  for (const [name, script] of scripts) {
    const called = calledFunctions(script, endsOf(name));
    const cold = [...called].flatMap(([hash, isCalled]) => (isCalled ? [] : [hash]));
    writeFileSync(coldFunctionsFile(name), `${cold.sort().join("\n")}\n`);
    console.log(`${name}: of ${called.size} functions ${cold.length} are cold`);
  }
} finally {
  rmSync(work, { recursive: true });
}

/** What stands in for a plugin's executable. */
function wrapper(name: string): string {
  const runner = join(import.meta.dirname, "profile-runner.ts");
  const words = [pinnedNode, "--expose-internals", runner, join(work, `${name}.js`)];
  const quoted = words.map((word) => `'${word}'`).join(" ");
  return `#!/bin/sh\nexec ${quoted} '${join(work, name)}'/"\${CNI_COMMAND:-none}"\n`;
}

/** Where the functions of a program end that any usual call called. */
function endsOf(name: string): Set<number> {
  const files = globSync(`${name}/{${usual}}/*.json`, { cwd: work });
  const ends: unknown[] = files.flatMap((file) => JSON.parse(readFileSync(join(work, file), "utf8")));
  return new Set(ends.map(Number));
}
