/** The benchmark's results in words, tables and lines. */
import type { Panel } from "./plot.ts";
import type { Measured, Row } from "./rows.ts";
import type { Size } from "./sizes.ts";
import { isCertain, median, quantile, type Ratio, type Summary } from "./statistics.ts";
import { type Cell, digits, table } from "./table.ts";
import { type Target, targetCells } from "./targets.ts";

const headings = [
  "call",
  "ours ms",
  "quartiles",
  "Go ms",
  "quartiles",
  "ours/Go",
  "95 %",
  "ours is",
  "CPU ms",
  "Go",
  "peak MB",
  "Go",
  "proc.",
  "Go",
  "syscalls",
  "Go",
];

/** One table of the rows of one workload; a column tells attachments or calls at once where these differ. */
export function rowsTable(rows: readonly Row[]): string {
  const differs = (of: (row: Row) => number): boolean => new Set(rows.map(of)).size > 1;
  const byAttachments = differs((row) => row.attachments);
  const byParallel = differs((row) => row.parallel);
  const shownNames = new Set(rows.map((row) => row.name)).size > 1;
  const cells = rows.map((row) => [
    ...(byAttachments ? [`${row.attachments}`] : []),
    ...(byParallel ? [`${row.parallel}`] : []),
    ...(shownNames ? [row.name] : []),
    ...rowCells(row),
  ]);
  const left = [
    ...(byAttachments ? ["attached"] : []),
    ...(byParallel ? ["at once"] : []),
    ...(shownNames ? ["program"] : []),
  ];
  return table([...left, ...headings], cells);
}

function rowCells({ call, ours, go, ratio }: Row): Cell[] {
  const counted = [ours?.counts, go?.counts];
  return [
    call,
    ours?.wall.median,
    quartiles(ours?.wall),
    go?.wall.median,
    quartiles(go?.wall),
    ratio?.value,
    ratio === undefined ? undefined : interval(ratio),
    ratio === undefined ? undefined : verdict(ratio, Math.min(ours?.wall.runs ?? 0, go?.wall.runs ?? 0)),
    ours?.cpu.median,
    go?.cpu.median,
    ours?.peakMb,
    go?.peakMb,
    ...counted.map((counts) => (counts === undefined ? undefined : `${counts.processes}`)),
    ...counted.map((counts) => (counts === undefined ? undefined : `${counts.systemCalls}`)),
  ];
}

function quartiles(wall: Summary | undefined): string | undefined {
  return wall === undefined ? undefined : `${digits(wall.q1)}–${digits(wall.q3)}`;
}

function interval({ low, high }: Ratio): string {
  return `${digits(low)}–${digits(high)}`;
}

/** Below this the interval rests on too few values to be believed. */
export const fewRuns = 5;

function verdict(ratio: Ratio, runs: number): string {
  if (runs < fewRuns || !isCertain(ratio)) return "(not sure)";
  return ratio.value < 1 ? "faster" : "slower";
}

/** Sentences on calls that failed; empty when none did. */
export function failures(rows: readonly Row[]): string[] {
  const sentence = (row: Row, who: string, side: Measured | undefined): string[] =>
    side?.failures === undefined
      ? []
      : [
          `${who}: ${side.failures} of ${side.wall.runs * row.parallel} calls of ${row.call} failed, ${row.parallel} at once`,
        ];
  return rows.flatMap((row) => [...sentence(row, "ours", row.ours), ...sentence(row, "Go", row.go)]);
}

/** What two hosts with the same plugins tell of the noise; undefined when there were none. */
type Noise = { rows: number; typical: number; worst: number; spread: number; certain: number };

/** All but `rows` and `certain` are parts: 0.02 is 2 %. */
export function noiseOf(rows: readonly Row[]): Noise | undefined {
  const ratios = rows.flatMap(({ noise }) => (noise === undefined ? [] : [noise]));
  if (ratios.length === 0) return undefined;
  const off = ratios.map(({ value }) => Math.abs(value - 1));
  const spreads = rows.flatMap(({ ours, go }) => [ours, go].flatMap((side) => relativeSpread(side)));
  return {
    rows: ratios.length,
    typical: median(off),
    worst: quantile(off, 1),
    spread: median(spreads),
    certain: ratios.filter(isCertain).length,
  };
}

function relativeSpread(side: Measured | undefined): number[] {
  return side === undefined ? [] : [(side.wall.q3 - side.wall.q1) / side.wall.median];
}

export function noiseText(noise: Noise | undefined): string {
  if (noise === undefined) return "Noise: not measured (sections plugins and chains do)";
  const percent = (part: number): string => `${(part * 100).toFixed(1)} %`;
  return [
    `Noise: a second host with the same Go plugins took the same turns. Its medians differ from the first one's by`,
    `${percent(noise.typical)} (median of ${noise.rows} rows), ${percent(noise.worst)} at most; ${noise.certain} of the ${noise.rows}`,
    `95 % intervals leave out 1.00, which by chance about ${Math.round(noise.rows / 20)} do. The middle half of a row's runs spans ${percent(noise.spread)} of its median.`,
  ].join("\n");
}

export function sizesTable(sizes: readonly Size[]): string {
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  return table(
    ["MB", "ours", "Go", "ours/Go"],
    sizes.map(({ what, ours, go }) => [what, megabytes(ours), megabytes(go), ours / go]),
  );
}

export function targetsTable(targets: readonly Target[]): string {
  const words = [
    "what it must show (ours / Go)",
    "must",
    "aim",
    "measured",
    "95 %",
    "ok",
    "where (the worst)",
  ];
  return table(words, targets.map(targetCells));
}

const drawn = [
  { verb: "ADD", dashed: false },
  { verb: "DEL", dashed: true },
] as const;
const colors = { ours: "#1666c0", go: "#c0531a" } as const;

/** A panel for each workload that was measured with different numbers of attachments. */
export function panels(rows: readonly Row[]): Panel[] {
  const titleOf = ({ section, name, backend }: Row): string =>
    [section === "chains" ? "chain" : "plugin", name, backend === "" ? "" : `(${backend})`].join(" ").trim();
  const counted = rows.filter(({ section }) => section === "chains" || section === "plugins");
  const titles = [...new Set(counted.map(titleOf))];
  return titles
    .map((title) => ({ title, rows: counted.filter((row) => titleOf(row) === title) }))
    .filter((one) => new Set(one.rows.map(({ attachments }) => attachments)).size > 1)
    .map((one) => ({ title: one.title, lines: lines(one.rows) }));
}

function lines(rows: readonly Row[]): Panel["lines"] {
  return drawn.flatMap(({ verb, dashed }) =>
    (["ours", "go"] as const).map((maker) => ({
      label: `${verb} ${maker === "ours" ? "ours" : "Go"}`,
      color: colors[maker],
      dashed,
      points: rows
        .filter(({ call }) => call === verb)
        .flatMap((row) => {
          const wall = row[maker]?.wall;
          return wall === undefined
            ? []
            : [{ x: row.attachments, y: wall.median, low: wall.q1, high: wall.q3 }];
        }),
    })),
  );
}
