import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { descendants } from "./descendants.ts";

test("processes that a process started are found, and those that they started", async () => {
  // The innermost says that it is there; one that nobody ends would keep the pipe open, and this test's process.
  const script = "sh -c 'sleep 1000 & echo $!; wait' & wait";
  const shell = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "inherit"] });
  const [line]: unknown[] = await once(shell.stdout.setEncoding("utf8"), "data");
  const own = descendants(process.pid);
  for (const pid of [shell.pid, Number(line)]) assert.ok(own.includes(pid ?? 0), `${pid}`);
  for (const pid of [...descendants(shell.pid ?? 0), shell.pid ?? 0]) process.kill(pid);
  await once(shell, "exit");
  assert.ok(!descendants(process.pid).includes(Number(line)));
});
