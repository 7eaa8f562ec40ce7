import type { Measured, Row } from "./rows.ts";
import { type Cell, table } from "./table.ts";

/** Where the time of one call of a plugin goes, in milliseconds; all parts together are the wall time. */
type Phases = {
  /** Until an executable with nothing in it has come and gone. */
  runtime: number;
  /** What VERSION takes beyond that: loading and evaluating our program. For Go the whole start. */
  program: number;
  /** Processor time beyond VERSION: our code, the kernel's work, the programs that are started. */
  work: number;
  /** The kernel's waiting, and programs' that work on another processor count against it. */
  waiting: number;
};

type PhaseRow = { plugin: string; backend: string; call: string; ours: Phases; go: Phases };

const calls = ["ADD", "CHECK", "DEL"];

/** The phases of the calls of each plugin on an empty host, for which the rows of `start` and `plugins` are needed. */
export function phaseRows(rows: readonly Row[]): PhaseRow[] {
  const empty = rows.find(({ section, call }) => section === "start" && call === "empty")?.ours;
  if (empty === undefined) return [];
  const plugins = rows.filter(({ section, attachments }) => section === "plugins" && attachments === 0);
  return plugins.flatMap((row) => {
    const version = plugins.find(
      ({ name, backend, call }) => name === row.name && backend === row.backend && call === "VERSION",
    );
    if (!calls.includes(row.call) || row.ours === undefined || row.go === undefined) return [];
    if (version?.ours === undefined || version.go === undefined) return [];
    return [
      {
        plugin: row.name,
        backend: row.backend,
        call: row.call,
        ours: phases(empty.cpu.median, version.ours, row.ours),
        go: phases(0, version.go, row.go),
      },
    ];
  });
}

function phases(runtime: number, version: Measured, call: Measured): Phases {
  return {
    runtime,
    program: version.cpu.median - runtime,
    work: call.cpu.median - version.cpu.median,
    waiting: call.wall.median - call.cpu.median,
  };
}

/** For reading: what is left to be saved, and by whom. */
export function phasesTable(rows: readonly PhaseRow[]): string {
  const headings = [
    ...["plugin", "call", "runtime", "program", "work", "waiting"],
    ...["Go: start", "work", "waiting"],
  ];
  return table(
    headings,
    rows.map(({ plugin, backend, call, ours, go }): Cell[] => [
      `${plugin} ${backend}`.trim(),
      call,
      ...[ours.runtime, ours.program, ours.work, ours.waiting],
      ...[go.program, go.work, go.waiting],
    ]),
  );
}
