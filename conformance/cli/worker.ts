import { createInterface } from "node:readline";
import { allTasks } from "../plan/plan.ts";
import { runScenario } from "../scenario/run-scenario.ts";
import { suites } from "../suites/all.ts";
import type { Order } from "./workers.ts";

/** Runs the scenarios that standard input asks for, one after the other, and prints their outcomes. */
export async function serveOrders(): Promise<void> {
  const tasks = new Map(allTasks(suites).map((task) => [task.row.id, task]));
  const orders = createInterface({ input: process.stdin });
  // Without the program that asks, what is being done is for nobody: its host goes with this process.
  orders.on("close", () => process.exit());
  for await (const line of orders) {
    const { id, version, options }: Order = JSON.parse(line);
    const task = tasks.get(id);
    if (task === undefined) throw new Error(`no scenario ${id}`);
    const outcome = await runScenario(task.scenario, version, options);
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
  }
}
