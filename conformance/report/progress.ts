import type { Row } from "./row.ts";

/**
 * What is shown on standard error while scenarios run: on a terminal one line that is written over, elsewhere a line
 * for every twentieth part; failures at once on both.
 */
export class Progress {
  readonly #total: number;
  readonly #isTerminal = process.stderr.isTTY === true;
  readonly #start = performance.now();
  #done = 0;
  #failed = 0;

  constructor(total: number) {
    this.#total = total;
  }

  /** To be called when a scenario has ended. */
  ended(row: Row): void {
    this.#done += 1;
    if (row.status === "fail") {
      this.#failed += 1;
      this.#clear();
      const [first = ""] = (row.reason ?? "").split("\n");
      process.stderr.write(`✗ ${row.id}: ${first}\n`);
    }
    const isMilestone = this.#done === this.#total || this.#done % Math.ceil(this.#total / 20) === 0;
    if (!this.#isTerminal && !isMilestone) return;
    this.#clear();
    const failed = this.#failed === 0 ? "" : `, ${this.#failed} failed`;
    const seconds = ((performance.now() - this.#start) / 1000).toFixed(0);
    const text = `[${this.#done}/${this.#total}${failed}, ${seconds} s] ${row.id}`;
    process.stderr.write(this.#isTerminal ? text.slice(0, (process.stderr.columns ?? 80) - 1) : `${text}\n`);
    if (this.#done === this.#total && this.#isTerminal) this.#clear();
  }

  #clear(): void {
    if (this.#isTerminal) process.stderr.write("\r\x1b[2K");
  }
}
