interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** What came of a part of the tests. */
export interface PartOutcome {
  readonly name: string;
  /** Exit status; undefined when the part was not begun, since one that it needs had failed. */
  readonly status: number | undefined;
  readonly counts: Counts | undefined;
  readonly seconds: number;
}

/** The sum of all closing lines of a part's output, `NAME: N passed, N failed, N skipped`; undefined without any. */
export function countsIn(output: string): Counts | undefined {
  const lines = output.matchAll(/^\S+: (\d+) passed, (\d+) failed, (\d+) skipped$/gm);
  const all = [...lines].map(([, passed, failed, skipped]) => ({
    passed: Number(passed),
    failed: Number(failed),
    skipped: Number(skipped),
  }));
  return all.length === 0 ? undefined : sum(all);
}

/** A part's closing line. */
export function partLine({ name, status, counts, seconds }: PartOutcome): string {
  if (status === undefined) return `✖ ${name}: not run, since what it needs failed`;
  const mark = status === 0 ? "✔" : "✖";
  const said = counts === undefined ? (status === 0 ? "ok" : "failed") : countsText(counts);
  return `${mark} ${name}: ${said} (${seconds.toFixed(0)} s)`;
}

/** The last line of all: a part that fails without saying how many tests failed counts as one that did. */
export function totalLine(outcomes: readonly PartOutcome[]): string {
  const all = outcomes.map(({ status, counts = { passed: 0, failed: 0, skipped: 0 } }) =>
    status !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts,
  );
  return countsText(sum(all));
}

function countsText({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function sum(all: readonly Counts[]): Counts {
  const of = (key: keyof Counts): number => all.reduce((total, counts) => total + counts[key], 0);
  return { passed: of("passed"), failed: of("failed"), skipped: of("skipped") };
}
