/**
 * `npm test`: runs all parts of the tests (parts.ts) side by side. Prints a line when a part ends, the whole
 * output of one that fails, and at last how many tests passed in all. Each part's output is kept in dist/test.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync, readFileSync } from "node:fs";
import { setPriority } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { cacheFile } from "./cache-file.ts";
import { descendants } from "./descendants.ts";
import { countsIn, type PartOutcome, partLine, totalLine } from "./outcome.ts";
import { type Part, parts } from "./parts.ts";
import { runParts } from "./run-parts.ts";

const root = join(import.meta.dirname, "../..");
const logs = join(root, "dist/test");
process.env["NODE_COMPILE_CACHE"] ??= cacheFile("node");
const running = new Set<ChildProcess>();

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    // npm hands a signal to its shell, and that to nobody.
    for (const { pid } of running) if (pid !== undefined) endAll([...descendants(pid), pid]);
    process.exit(130);
  });
}

mkdirSync(logs, { recursive: true });
console.log(`${parts.length} parts side by side, their output in dist/test:`);
const outcomes = await runParts(parts, run, leaveOut);
if (outcomes.some(({ status }) => status !== 0)) process.exitCode = 1;
console.log(totalLine(outcomes));

async function run({ name, niceness }: Part): Promise<PartOutcome> {
  const start = performance.now();
  const file = join(logs, `${name.replace(":", "-")}.log`);
  const log = createWriteStream(file);
  const child = spawn("npm", ["run", "--silent", name], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  if (child.pid !== undefined) setPriority(child.pid, niceness);
  for (const stream of [child.stdout, child.stderr]) stream.pipe(log, { end: false });
  const [status, signal]: unknown[] = await once(child, "close");
  running.delete(child);
  log.end();
  await finished(log);
  const output = readFileSync(file, "utf8");
  const outcome = {
    name,
    status: typeof status === "number" ? status : 1,
    counts: countsIn(output),
    seconds: (performance.now() - start) / 1000,
  };
  if (outcome.status !== 0) console.log(output);
  if (typeof signal === "string") console.log(`${name} was ended by ${signal}`);
  console.log(partLine(outcome));
  return outcome;
}

function endAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGTERM");
    } catch {
      // It has ended.
    }
  }
}

function leaveOut({ name }: Part): PartOutcome {
  const outcome = { name, status: undefined, counts: undefined, seconds: 0 };
  console.log(partLine(outcome));
  return outcome;
}
