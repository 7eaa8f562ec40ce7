import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { descendants } from "../test/descendants.ts";

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

/** The network namespace that a process is in; undefined when it has ended. */
function namespaceOf(pid: number | string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

test("the demo passes with the executables of dist/bin", async () => {
  const { child, printed } = startDemo();
  assert.equal(await statusOf(child), 0, printed());
  assert.match(printed(), /All 12 steps went well/);
});

test("the demo that is stopped half-way leaves no process in its namespaces", async () => {
  // Of the machine's namespaces only the demo's own.
  let made: (string | undefined)[] = [];
  const { child, printed } = startDemo();
  let isStopped = false;
  child.stdout?.on("data", () => {
    if (isStopped || !printed().includes("Address and routes in web")) return;
    isStopped = true;
    const own = namespaceOf("self");
    made = descendants(child.pid ?? 0)
      .map(namespaceOf)
      .filter((one) => one !== undefined && one !== own);
    child.kill("SIGINT");
  });
  assert.equal(await statusOf(child), 130, printed());
  assert.match(printed(), /Stopped by SIGINT/);
  assert.notEqual(made.length, 0);
  const namespaces = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(namespaceOf);
  assert.deepEqual(
    namespaces.filter((one) => made.includes(one)),
    [],
  );
});
