/** A plugin whose calls are measured with more and more of something. */
export interface Subject {
  /** What there is more and more of. */
  readonly of: string;
  readonly sizes: readonly number[];
  /** How often each call is measured, unless BENCH_RUNS says it. */
  readonly runs: number;
  /** Which of the measured times are told: those that so large a part is below. */
  readonly quantile: number;
  /** Whose plugin, or which setting, each with its largest size. */
  readonly variants: Readonly<Record<string, number>>;
  /** What a run calls, in this order. */
  readonly calls: readonly string[];
  /** Makes a place in which there are so many. */
  place(variant: string, size: number): Promise<Place>;
}

/** Where calls are measured, apart from all other places. */
export interface Place {
  /** Milliseconds that a call takes. Throws when it fails. */
  time(call: string): number;
  /** Of a call, something without noise that tells how much it does. */
  count?(call: string): number;
  /** A sentence about the place after all runs. */
  note?(): string;
  dispose(): void | Promise<void>;
}

/** What a call in this place has to say when it fails. */
export function checkStatus(
  what: string,
  { status, stdout }: { status: number | null; stdout: string },
): void {
  if (status !== 0) throw new Error(`${what}: ${stdout}`);
}
