import { counts, type Row } from "../report/row.ts";
import type { Need } from "../scenario/scenario.ts";
import { wronglyUntried } from "./may-lack.ts";

/** What a run comes to, for a caller that runs other tests as well. */
type Verdict = { passed: number; failed: number; skipped: number };

/**
 * What is not tried since the machine lacks something is skipped; with a list of what it may lack it is left to another
 * machine, and anything else a failure. So is each of the `differences` from another implementation.
 */
export function verdictOf(
  rows: readonly Row[],
  mayLack: readonly Need[] | undefined,
  differences: number,
): Verdict {
  const { passed, failed } = counts(rows);
  const lacking = wronglyUntried(rows, mayLack ?? []).length;
  const untried = mayLack === undefined ? { failed: 0, skipped: lacking } : { failed: lacking, skipped: 0 };
  return { passed, failed: failed + untried.failed + differences, skipped: untried.skipped };
}

/** The last line that is printed. */
export function verdictLine({ passed, failed, skipped }: Verdict): string {
  return `scenarios: ${passed} passed, ${failed} failed, ${skipped} skipped`;
}
