/**
 * `npm run profile`, as root: writes cold-functions/, the functions of each plugin that usual calls do not call. Usual is
 * what runtimes do all day, seen in the conformance suite's chains of plugins: ADD, CHECK and DEL, also after a
 * node's restart, and VERSION. What only GC and STATUS call, and what errors are told with, is cold.
 *
 * A function that is not in the list, such as a new or changed one, counts as warm: a list that is out of date costs
 * some time in each start, and nothing else.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { usualCommands } from "../shared/linux/code-cache.ts";
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
    const always = calledFunctions(script, endsOf(name, "VERSION"));
    const byCommand = usualCommands.map((command) => calledFunctions(script, endsOf(name, command)));
    const lines = [...always].flatMap(([hash, isAlwaysCalled]) => {
      const callers = usualCommands.filter((_command, index) => byCommand[index]?.get(hash) === true);
      return isAlwaysCalled || callers.length === usualCommands.length ? [] : [[hash, ...callers].join(" ")];
    });
    writeFileSync(coldFunctionsFile(name), `${lines.sort().join("\n")}\n`);
    const cold = lines.filter((line) => !line.includes(" "));
    console.log(
      `${name}: of ${always.size} functions ${lines.length - cold.length} belong to some commands, `,
    );
    console.log(`  and ${cold.length} are cold`);
  }
} finally {
  rmSync(work, { recursive: true });
}

/** What stands in for a plugin's executable. */
function wrapper(name: string): string {
  const words = [pinnedNode, join(import.meta.dirname, "profile-runner.ts"), join(work, `${name}.js`)];
  const quoted = words.map((word) => `'${word}'`).join(" ");
  return `#!/bin/sh\nexec ${quoted} '${join(work, name)}'/"\${CNI_COMMAND:-none}"\n`;
}

/** Where the functions of a program end that any of a command's usual calls called. */
function endsOf(name: string, command: string): Set<number> {
  const files = globSync(`${name}/${command}/*.json`, { cwd: work });
  const ends: unknown[] = files.flatMap((file) => JSON.parse(readFileSync(join(work, file), "utf8")));
  return new Set(ends.map(Number));
}
