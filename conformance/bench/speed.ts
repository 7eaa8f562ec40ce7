/**
 * `npm run bench`: the speed and the size of our plugins beside the Go ones, in one run. What the numbers mean is in
 * conformance/README.md.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Host } from "../harness/host/host.ts";
import { peerReleases } from "../harness/plugins/peers.ts";
import { measureCold } from "./cold.ts";
import { compare } from "./compare.ts";
import { Launcher, LauncherProgram } from "./launcher.ts";
import { load, machine } from "./machine.ts";
import { type Options, parseOptions } from "./options.ts";
import { measureParallel } from "./parallel.ts";
import { phaseRows, phasesTable } from "./phases.ts";
import { plot } from "./plot.ts";
import {
  failures,
  fewRuns,
  noiseOf,
  noiseText,
  panels,
  rowsTable,
  sizesTable,
  targetsTable,
} from "./report.ts";
import type { Row } from "./rows.ts";
import { measureSizes, type Size } from "./sizes.ts";
import { measureStart } from "./start.ts";
import { targets } from "./targets.ts";
import { chains, plugins, type Workload } from "./workloads.ts";

/** The chains of which the issue speaks; the others are measured at fewer points. */
const main = ["nerdctl-bridge iptables", "kubernetes-nftables nftables"];
const batches = [1, 10, 50];
/** So that all together take a quarter of an hour; `--runs` sets them all. */
const runsOf = { start: 41, plugins: 11, chains: 21, otherChains: 11, parallel: 5, cold: 5 };

/** Measures what the command line asks for. Resolves to false when something could not be measured. */
export async function speed(words: readonly string[]): Promise<boolean> {
  const options = parseOptions(words, join(import.meta.dirname, "../../dist/bench"));
  using program = new LauncherProgram();
  const report = new Report();
  const loads = [load()];
  print(
    `Our plugins beside the Go plugins v${peerReleases[0]}, medians of interleaved runs; a chain is called through cnitool 1.3.0.`,
  );
  const about = machine();
  print(
    Object.entries(about)
      .map(([name, value]) => `${name}: ${value}`)
      .join("; "),
  );
  const floorMb = await floor(program);
  print(
    `load ${loads[0]?.toFixed(1)}; a peak of ${floorMb.toFixed(1)} MB or less cannot be told from the launcher's own`,
  );

  for (const section of options.sections) await measure[section](options, report, program);

  loads.push(load());
  const noise = noiseOf(report.rows);
  print(
    `\n${noiseText(noise)}\nload ${loads.map((one) => one.toFixed(1)).join(" at the start, ")} at the end`,
  );
  if (Math.min(...report.rows.flatMap(({ ours }) => ours?.wall.runs ?? [])) < fewRuns) {
    print(`With fewer than ${fewRuns} runs an interval means nothing.`);
  }
  const answers = targets(report.rows);
  const { rows, sizes, problems } = report;
  save(
    options.json,
    JSON.stringify(
      { machine: about, loads, floorMb, noise, targets: answers, sizes, rows, problems },
      null,
      1,
    ),
  );
  save(
    options.svg,
    plot(`Wall time by attachments, medians and quartiles (${about.date.slice(0, 10)})`, panels(rows)),
  );
  print(`written: ${options.json}, ${options.svg}`);
  for (const problem of problems) print(`NOT MEASURED: ${problem}`);
  const phases = phaseRows(rows);
  if (phases.length > 0) print(`\nwhere the time goes on an empty host, ms\n${phasesTable(phases)}`);
  print(`\n${targetsTable(answers)}`);
  return problems.length === 0;
}

class Report {
  readonly rows: Row[] = [];
  readonly problems: string[] = [];
  sizes: Size[] = [];
  readonly #start = performance.now();

  /** Prints the rows of a measurement under a heading. One that fails does not end the others. */
  async add(heading: string, work: () => Promise<Row[]>, note?: string): Promise<void> {
    try {
      const rows = await work();
      this.rows.push(...rows);
      const runs = rows[0]?.ours?.wall.runs ?? 0;
      const minutes = ((performance.now() - this.#start) / 60_000).toFixed(1);
      print(
        `\n${heading}: ${runs} runs (${minutes} min)${note === undefined ? "" : `. ${note}`}\n${rowsTable(rows)}`,
      );
      for (const sentence of failures(rows)) print(sentence);
    } catch (error) {
      const problem = `${heading}: ${error instanceof Error ? error.message : error}`;
      this.problems.push(problem);
      print(`\nNOT MEASURED: ${problem}`);
    }
  }
}

type Measure = (options: Options, report: Report, program: LauncherProgram) => Promise<void>;

const measure: Record<Options["sections"][number], Measure> = {
  async start({ runs = runsOf.start }, report, program) {
    await report.add("Start", () => measureStart(runs, program), "first line: bridge's program, ended there");
  },
  async sizes(_options, report) {
    report.sizes = measureSizes();
    print(`\nSizes\n${sizesTable(report.sizes)}`);
  },
  async plugins(options, report, program) {
    for (const workload of selected(plugins(), options)) {
      const { runs = runsOf.plugins, attachments = [0, 1000] } = options;
      const settings = {
        section: "plugins",
        runs,
        program,
        attachments: sizesFor(workload, attachments),
      } as const;
      await report.add(`Plugin ${titleOf(workload)}`, () => compare(workload, settings), workload.note);
    }
  },
  async chains(options, report, program) {
    for (const workload of selected(chains(), options)) {
      const isMain = main.includes(titleOf(workload));
      const usualRuns = isMain || workload.backend === "nftables" ? runsOf.chains : runsOf.otherChains;
      const { runs = usualRuns, attachments = isMain ? [0, 100, 300, 1000] : [0, 1000] } = options;
      const settings = { section: "chains", runs, program, attachments } as const;
      await report.add(`Chain ${titleOf(workload)}`, () => compare(workload, settings), workload.note);
    }
  },
  async parallel(options, report, program) {
    for (const workload of selected(mainChains(), options)) {
      const { runs = runsOf.parallel } = options;
      const work = () => measureParallel(workload, batches, { runs, program });
      await report.add(`In parallel: ${titleOf(workload)}`, work, "Total time; CPU of all calls together");
    }
  },
  async cold(options, report, program) {
    const bridge = plugins().filter(({ name, backend }) => name === "bridge" && backend === "nftables");
    for (const workload of selected([...bridge, ...mainChains()], options)) {
      const { runs = runsOf.cold } = options;
      const work = () => measureCold(workload, { runs, program });
      await report.add(`Cold: ${titleOf(workload)}`, work, "The executables are not in the page cache");
    }
  },
};

function mainChains(): Workload[] {
  return chains().filter((workload) => main.includes(titleOf(workload)));
}

function selected(workloads: readonly Workload[], { only }: Options): Workload[] {
  return workloads.filter((workload) => titleOf(workload).includes(only));
}

function titleOf({ name, backend }: Workload): string {
  return `${name} ${backend}`.trim();
}

function sizesFor({ grows }: Workload, attachments: readonly number[]): readonly number[] {
  return grows ? attachments : attachments.slice(0, 1);
}

/** The peak that the kernel tells of a program that needs next to nothing. */
async function floor(program: LauncherProgram): Promise<number> {
  await using host = await Host.create();
  const { peakMb } = await new Launcher(host, program).run({ argv: ["/bin/true"], env: {}, stdin: "" });
  return peakMb;
}

function save(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function print(text: string): void {
  console.log(text);
}
