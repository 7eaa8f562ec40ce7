import { type Ratio, ratioOfMedians, type Summary, summary } from "./statistics.ts";
import type { Counts } from "./trace.ts";

export const makers = ["ours", "go"] as const;
export type Maker = (typeof makers)[number];

export type Section = "start" | "sizes" | "plugins" | "chains" | "parallel" | "cold";

/** What one timed call took; `peakMb` is the largest resident set of one process in it. */
export type Sample = { wallMs: number; cpuMs: number; peakMb: number };

/** The samples of one side of a comparison, in the order in which they were taken. */
export type Measured = {
  wallMs: readonly number[];
  wall: Summary;
  cpu: Summary;
  /** Over all runs. */
  peakMb: number;
  counts?: Counts;
  /** How many calls failed; only where calls run beside each other, elsewhere one failure ends the workload. */
  failures?: number;
};

/** One line of the report: the same call of both makers, under the same circumstances. */
export type Row = {
  section: Section;
  /** The conflist or the plugin. */
  name: string;
  backend: string;
  call: string;
  attachments: number;
  /** How many calls ran beside each other. */
  parallel: number;
  ours?: Measured;
  go?: Measured;
  /** Wall time, ours over Go. */
  ratio?: Ratio;
  /** Wall time of a second host with the Go plugins over the first one's: what differs there is noise. */
  noise?: Ratio;
};

function measured(samples: readonly Sample[]): Measured {
  const wallMs = samples.map((sample) => sample.wallMs);
  return {
    wallMs,
    wall: summary(wallMs),
    cpu: summary(samples.map((sample) => sample.cpuMs)),
    peakMb: Math.max(...samples.map((sample) => sample.peakMb)),
  };
}

/** A row, with what can be said of its sides: a side without samples is left out. */
export function rowOf(
  row: Omit<Row, "ours" | "go" | "ratio" | "noise">,
  samples: { ours: readonly Sample[]; go: readonly Sample[]; goAgain?: readonly Sample[] },
): Row {
  const walls = (list: readonly Sample[]): number[] => list.map(({ wallMs }) => wallMs);
  const { ours, go, goAgain = [] } = samples;
  return {
    ...row,
    ...(ours.length > 0 && { ours: measured(ours) }),
    ...(go.length > 0 && { go: measured(go) }),
    ...(ours.length > 0 && go.length > 0 && { ratio: ratioOfMedians(walls(ours), walls(go)) }),
    ...(goAgain.length > 0 && go.length > 0 && { noise: ratioOfMedians(walls(goAgain), walls(go)) }),
  };
}
