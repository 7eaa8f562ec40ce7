import type { Task } from "../plan/plan.ts";
import type { Row } from "../report/row.ts";
import type { RunOptions } from "../scenario/run-scenario.ts";
import type { Need } from "../scenario/scenario.ts";
import { rowOfLine } from "./outcome.ts";
import { bootWith, whyNoVm } from "./run.ts";

/** What only the virtual machine's kernel may have. */
const fullKernelOnly: readonly Need[] = ["vlan", "bridge nftables"];

/** The scenarios for which the virtual machine is worth its time: an ADD takes 2 s there. */
export function needsFullKernel({ scenario }: Task): boolean {
  return (scenario.needs ?? []).some((need) => fullKernelOnly.includes(need));
}

/** Runs scenarios with the executables of a folder on Debian's kernel in QEMU. */
export async function runTasksInVm(
  tasks: readonly Task[],
  { binDir, observe = false }: RunOptions,
  ended: (row: Row) => void,
): Promise<Row[]> {
  if (process.arch !== "x64") throw new Error(`--kernel: ${whyNoVm}`);
  const rows: Row[] = [];
  const print = (line: string) => {
    const row = rowOfLine(line);
    if (row === undefined) {
      console.error(line);
      return;
    }
    rows.push(row);
    ended(row);
  };
  const scenarios = tasks.map(({ row }) => row.id);
  await bootWith({ scenarios, observe }, binDir, ["1"], print);
  return rows;
}
