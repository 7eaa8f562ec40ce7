import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Task } from "../plan/plan.ts";
import type { Row } from "../report/row.ts";
import type { Outcome, RunOptions } from "../scenario/run-scenario.ts";
import { selfCommand } from "./self.ts";

/** What a worker is asked for, a line of JSON each; it answers with an `Outcome`. */
export type Order = { id: string; version: string; options: RunOptions };

/**
 * Runs tasks in several processes and tells of each as it ends; the rows come back in the tasks' order. A worker that
 * breaks fails its task only.
 */
export async function runTasks(
  tasks: readonly Task[],
  options: RunOptions,
  jobs: number,
  ended: (row: Row) => void,
): Promise<Row[]> {
  const rows: Row[] = [];
  let next = 0;
  const work = async () => {
    let worker: Worker | undefined;
    for (let index = next++; index < tasks.length; index = next++) {
      const task = tasks[index];
      if (task === undefined) break;
      worker ??= new Worker();
      const outcome = await worker.run({ id: task.row.id, version: task.row.version, options });
      if (typeof outcome === "string") worker = undefined;
      const row = rowOf(task, outcome);
      rows[index] = row;
      ended(row);
      if (options.keep === true && row.status === "fail") next = tasks.length;
    }
    worker?.end();
  };
  await Promise.all(Array.from({ length: Math.min(jobs, tasks.length) }, work));
  return rows.filter((row) => row !== undefined);
}

function rowOf({ row }: Task, outcome: Outcome | string): Row {
  if (typeof outcome === "string") return { ...row, status: "fail", reason: outcome };
  const { passed, reason } = outcome;
  return { ...row, status: passed ? "pass" : "fail", ...(reason !== undefined && { reason }), outcome };
}

class Worker {
  readonly #process: ChildProcess;
  readonly #ended: Promise<string>;
  #answer: ((outcome: Outcome) => void) | undefined;

  constructor() {
    const [command = "", ...args] = selfCommand("--worker");
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#process = child;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const outcome: Outcome = JSON.parse(line);
      this.#answer?.(outcome);
    });
    this.#ended = new Promise((resolve) => {
      child.on("error", (error) => resolve(`the suite's own process could not start: ${error.message}`));
      child.on("exit", (status, signal) => resolve(`the suite's own process ended (${signal ?? status})`));
    });
  }

  /** The outcome; or, when the process broke, why. */
  run(order: Order): Promise<Outcome | string> {
    const answered = new Promise<Outcome>((resolve) => {
      this.#answer = resolve;
    });
    this.#process.stdin?.write(`${JSON.stringify(order)}\n`);
    return Promise.race([answered, this.#ended]);
  }

  end(): void {
    this.#process.stdin?.end();
  }
}
