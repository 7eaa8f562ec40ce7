import type { Row } from "./rows.ts";
import { emptyNode } from "./start.ts";
import { type Ratio, ratioOfMedians } from "./statistics.ts";
import { digits } from "./table.ts";

export type Target = {
  what: string;
  must: number;
  aim: number;
  /** The worst of the rows that count, undefined when none of them was measured. */
  measured?: number;
  interval?: { low: number; high: number };
  /** Which row that is. */
  where?: string;
  ok: "aim reached" | "must reached" | "missed" | "not measured";
};

type Candidate = { where: string; ratio: Ratio };

const full = 1000;

/** Issue 7's "What it must show", in its order, as the rows of one run answer it. */
export function targets(rows: readonly Row[]): Target[] {
  const nerdctl = (call: string): Candidate[] =>
    ratios(
      rows.filter(
        (row) => isChain(row, "nerdctl-bridge", "iptables") && row.call === call && row.attachments === 0,
      ),
    );
  const nftables = rows.filter((row) => row.section === "chains" && row.backend === "nftables");
  const addAndDel = nftables.filter(({ call }) => call === "ADD" || call === "DEL");
  return [
    target("nerdctl chain ADD, iptables, empty host", 1.2, 0.9, nerdctl("ADD")),
    target("nerdctl chain DEL, iptables (nf_tables)", 0.7, 0.5, nerdctl("DEL")),
    target("CHECK (nerdctl chain, empty host)", 2.2, 1.5, nerdctl("CHECK")),
    target(
      "kubernetes-nftables chain ADD",
      1.1,
      0.8,
      ratios(
        addAndDel.filter(
          (row) => row.name === "kubernetes-nftables" && row.call === "ADD" && row.attachments === 0,
        ),
      ),
    ),
    target(
      "any chain ADD and DEL with 1,000 attachments, nftables",
      0.5,
      0.3,
      ratios(addAndDel.filter(({ attachments }) => attachments === full)),
    ),
    target("growth: ours at 1,000 over ours at 0, nftables", 1.15, 1.05, growth(addAndDel)),
    target(
      "50 parallel ADDs, total time",
      1.0,
      0.7,
      ratios(rows.filter((row) => row.section === "parallel" && row.parallel === 50 && row.call === "ADD")),
    ),
    target(
      "start to first line of ours, over an empty packaged executable",
      1.25,
      1.1,
      firstLine(rows, "empty"),
    ),
    target("the same, over an empty one with all of Node", 1.25, 1.1, firstLine(rows, emptyNode)),
    peak(rows),
  ];
}

function isChain(row: Row, name: string, backend: string): boolean {
  return row.section === "chains" && row.name === name && row.backend === backend;
}

function ratios(rows: readonly Row[]): Candidate[] {
  return rows.flatMap((row) => (row.ratio === undefined ? [] : [{ where: placeOf(row), ratio: row.ratio }]));
}

function growth(rows: readonly Row[]): Candidate[] {
  return rows.flatMap((row) => {
    const empty = rows.find(
      ({ name, call, attachments }) => name === row.name && call === row.call && attachments === 0,
    );
    if (row.attachments !== full || row.ours === undefined || empty?.ours === undefined) return [];
    return [{ where: placeOf(row), ratio: ratioOfMedians(row.ours.wallMs, empty.ours.wallMs) }];
  });
}

function firstLine(rows: readonly Row[], base: string): Candidate[] {
  const start = (call: string) => rows.find((row) => row.section === "start" && row.call === call)?.ours;
  const first = start("first line");
  const empty = start(base);
  if (first === undefined || empty === undefined) return [];
  return [{ where: "bridge", ratio: ratioOfMedians(first.wallMs, empty.wallMs) }];
}

function peak(rows: readonly Row[]): Target {
  const counted = rows.filter(({ section }) => section === "plugins" || section === "chains");
  const candidates = counted.flatMap((row) => {
    const value = row.ours?.peakMb;
    return value === undefined ? [] : [{ where: placeOf(row), ratio: { value, low: value, high: value } }];
  });
  const { interval: _, ...rest } = target("peak memory of one process, MB", 60, 45, candidates);
  return rest;
}

function target(what: string, must: number, aim: number, candidates: readonly Candidate[]): Target {
  const [worst] = candidates.toSorted((a, b) => b.ratio.value - a.ratio.value);
  if (worst === undefined) return { what, must, aim, ok: "not measured" };
  const { value, low, high } = worst.ratio;
  const ok = value <= aim ? "aim reached" : value <= must ? "must reached" : "missed";
  return { what, must, aim, measured: value, interval: { low, high }, where: worst.where, ok };
}

/** A row in a few words: `nerdctl-bridge nftables ADD, 1000 attachments`. */
function placeOf(row: Row): string {
  const name = [row.name, row.backend, row.call].filter((word) => word !== "").join(" ");
  const parallel = row.parallel > 1 ? [`${row.parallel} at once`] : [];
  const attachments = row.attachments > 0 ? [`${row.attachments} attachments`] : [];
  return [name, ...attachments, ...parallel].join(", ");
}

/** The cells of a target in the last table that the benchmark prints. */
export function targetCells(target: Target): (string | undefined)[] {
  const { what, must, aim, measured, interval, where, ok } = target;
  return [
    what,
    `≤ ${must}`,
    `≤ ${aim}`,
    measured === undefined ? undefined : digits(measured),
    interval === undefined ? undefined : `${digits(interval.low)}–${digits(interval.high)}`,
    ok,
    where,
  ];
}
