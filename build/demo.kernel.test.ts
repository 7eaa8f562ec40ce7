import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
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

/** The network namespaces in which processes live: a process's by its ID, and the process that started it. */
function processes(): Map<number, { parent: number; namespace: string }> {
  const found = readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const [, parent] = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, "utf8")) ?? [];
      return [
        [Number(name), { parent: Number(parent), namespace: readlinkSync(`/proc/${name}/ns/net`) }] as const,
      ];
    } catch {
      return [];
    }
  });
  return new Map(found);
}

/** The namespaces of the processes below one, but for its own: nobody else's, however many there are on the machine. */
function namespacesBelow(pid: number): Set<string> {
  const all = processes();
  const isBelow = (one: number): boolean => {
    const parent = all.get(one)?.parent ?? 0;
    return parent === pid || (parent !== 0 && isBelow(parent));
  };
  const below = [...all].filter(([one]) => isBelow(one)).map(([, { namespace }]) => namespace);
  return new Set(below.filter((namespace) => namespace !== all.get(pid)?.namespace));
}

test("the demo passes with the executables of dist/bin", async () => {
  const { child, printed } = startDemo();
  assert.equal(await statusOf(child), 0, printed());
  assert.match(printed(), /All 12 steps went well/);
});

test("the demo that is stopped half-way leaves no process in its namespaces", async () => {
  let made = new Set<string>();
  const { child, printed } = startDemo();
  let isStopped = false;
  child.stdout?.on("data", () => {
    if (isStopped || !printed().includes("Address and routes in web")) return;
    isStopped = true;
    made = namespacesBelow(child.pid ?? 0);
    child.kill("SIGINT");
  });
  assert.equal(await statusOf(child), 130, printed());
  assert.match(printed(), /Stopped by SIGINT/);
  assert.notEqual(made.size, 0);
  const left = [...processes().values()].filter(({ namespace }) => made.has(namespace));
  assert.deepEqual(left, []);
});
