import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

function startDemo(): { child: ChildProcess; printed: () => string } {
  const child = spawn(process.execPath, [join(import.meta.dirname, "demo.ts")], { stdio: "pipe" });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
  }
  return { child, printed: () => text };
}

async function statusOf(child: ChildProcess): Promise<unknown> {
  const [status]: unknown[] = await once(child, "close");
  return status;
}

/** The network namespaces in which processes live. */
function namespaces(): string[] {
  const found = readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return [readlinkSync(`/proc/${name}/ns/net`)];
    } catch {
      return [];
    }
  });
  return [...new Set(found)].sort();
}

test("the demo passes with the executables of dist/bin", async () => {
  const { child, printed } = startDemo();
  assert.equal(await statusOf(child), 0, printed());
  assert.match(printed(), /All 12 steps went well/);
});

test("the demo that is stopped half-way leaves no process in its namespaces", async () => {
  const before = namespaces();
  const { child, printed } = startDemo();
  let isStopped = false;
  child.stdout?.on("data", () => {
    if (isStopped || !printed().includes("Address and routes in web")) return;
    isStopped = true;
    child.kill("SIGINT");
  });
  assert.equal(await statusOf(child), 130, printed());
  assert.match(printed(), /Stopped by SIGINT/);
  assert.deepEqual(
    namespaces().filter((namespace) => !before.includes(namespace)),
    [],
  );
});
