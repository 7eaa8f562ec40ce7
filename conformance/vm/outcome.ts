import { isObject, parse } from "../harness/host/json.ts";
import type { Row } from "../report/row.ts";

type Counts = { passed: number; failed: number; skipped: number };

/** `status` is what the guest's Node ended with. */
export type Outcome = { status: number; counts: Counts };

/** What the guest prints before the exit status of its Node, on its last line. */
export const exitMark = "cni-vm-exit";

const countsMark = "cni-vm-counts";

/** The line by which the guest tells how many tests there were. */
export function countsLine(counts: Counts): string {
  return `${countsMark} ${JSON.stringify(counts)}`;
}

const rowMark = "cni-vm-row";

/** The line by which the guest tells what came of a scenario. */
export function rowLine(row: Row): string {
  return `${rowMark} ${JSON.stringify(row)}`;
}

/** What a line of `rowLine` says; undefined for any other line. */
export function rowOfLine(line: string): Row | undefined {
  if (!line.startsWith(`${rowMark} `)) return undefined;
  const row: Row = JSON.parse(line.slice(rowMark.length + 1));
  return row;
}

/** Reads the guest's output piece by piece: gives lines for people to `print`, and keeps what the others say. */
export class OutcomeReader {
  /** What is known; a machine or a Node that stopped on its way leaves it incomplete. */
  readonly outcome: Partial<Outcome> = {};
  readonly #print: (line: string) => void;
  #rest = "";

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  read(text: string): void {
    const lines = `${this.#rest}${text}`.split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line.replace(/\r$/, ""));
  }

  #line(line: string): void {
    const [mark, value = ""] = [line.split(" ", 1)[0], line.slice(line.indexOf(" ") + 1)];
    if (mark === exitMark) this.outcome.status = Number(value);
    else if (mark === countsMark) this.outcome.counts = countsOf(value);
    else this.#print(line);
  }
}

function countsOf(text: string): Counts {
  const value = parse(text);
  const { passed, failed, skipped } = isObject(value) ? value : {};
  return { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) };
}

/** The counts of several boots together. */
export function sum(all: readonly Counts[]): Counts {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of all) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  return total;
}
