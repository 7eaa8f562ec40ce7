/** The timed part for plugins and chains: every host in turn, round for round. */
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { ensurePeer } from "../harness/plugins/peers.ts";
import { fill } from "./fill.ts";
import type { LauncherProgram } from "./launcher.ts";
import { type Container, Place } from "./place.ts";
import { type Maker, type Row, rowOf, type Sample, type Section } from "./rows.ts";
import { type Counts, countTrace } from "./trace.ts";
import type { Verb, Workload } from "./workloads.ts";

/** Who works in a host. The second Go host is there to see how far apart equal things are. */
type Who = Maker | "goAgain";

type Station = {
  who: Who;
  attachments: number;
  place: Place;
  container: Container;
  samples: Map<Verb, Sample[]>;
  counts: Map<Verb, Counts>;
};

const warmUps = 2;

export function binDirOf(maker: Maker): string {
  return maker === "ours" ? pluginFolder() : ensurePeer().binDir;
}

/**
 * Measures a workload with each number of attachments: a host for each maker and number, the hosts' calls taking
 * turns, forwards and backwards. Throws when a call fails.
 */
export async function compare(
  workload: Workload,
  settings: { section: Section; runs: number; attachments: readonly number[]; program: LauncherProgram },
): Promise<Row[]> {
  const stations: Station[] = [];
  const { runs, attachments, program, section } = settings;
  const [smallest] = attachments;
  try {
    for (const size of attachments) {
      for (const who of ["ours", "go", ...(size === smallest ? ["goAgain" as const] : [])] as const) {
        stations.push(await station(workload, who, size, program));
      }
    }
    for (const one of stations) for (let run = 0; run < warmUps; run++) await round(one, false);
    for (let run = 0; run < runs; run++) {
      for (const one of run % 2 === 0 ? stations : stations.toReversed()) await round(one, true);
    }
    const traced = new Set([smallest, attachments.at(-1)]);
    for (const one of stations) if (one.who !== "goAgain" && traced.has(one.attachments)) await trace(one);
    return attachments.flatMap((size) => rowsOf(workload, section, stations, size));
  } finally {
    await Promise.all(stations.map(({ place }) => place.host.dispose()));
  }
}

async function station(
  workload: Workload,
  who: Who,
  size: number,
  program: LauncherProgram,
): Promise<Station> {
  const place = await Place.create(workload, binDirOf(who === "ours" ? "ours" : "go"), program);
  const made = { who, attachments: size, place, samples: new Map(), counts: new Map() };
  try {
    await fill(place, size);
    return { ...made, container: place.addContainer(0) };
  } catch (error) {
    await place.host.dispose();
    throw error;
  }
}

/** Each verb once. DEL leaves the container as it was before ADD. */
async function round({ place, container, samples }: Station, counted: boolean): Promise<void> {
  let result: unknown;
  for (const verb of place.workload.verbs) {
    const call = place.call(verb, container, result);
    const outcome = await place.launcher.run(call);
    if (verb === "ADD") result = place.result(call, outcome);
    if (!counted) continue;
    const { wallMs, cpuMs, peakMb } = outcome;
    samples.set(verb, [...(samples.get(verb) ?? []), { wallMs, cpuMs, peakMb }]);
  }
}

/** The same once more under strace, which is far too slow to be timed. */
async function trace({ place, container, counts }: Station): Promise<void> {
  const file = "/run/bench-trace";
  let result: unknown;
  for (const verb of place.workload.verbs) {
    const call = place.call(verb, container, result);
    const argv = ["/usr/bin/strace", "-f", "-qq", "-o", file, ...call.argv];
    const outcome = await place.launcher.run({ ...call, argv });
    if (verb === "ADD") result = place.result(call, outcome);
    counts.set(verb, countTrace(place.host.readFile(file)));
  }
}

function rowsOf(workload: Workload, section: Section, stations: readonly Station[], size: number): Row[] {
  const of = (who: Who): Station | undefined =>
    stations.find((one) => one.who === who && one.attachments === size);
  return workload.verbs.map((verb) => {
    const samples = (who: Who): Sample[] => of(who)?.samples.get(verb) ?? [];
    const row = rowOf(
      { section, name: workload.name, backend: workload.backend, call: verb, attachments: size, parallel: 1 },
      { ours: samples("ours"), go: samples("go"), goAgain: samples("goAgain") },
    );
    for (const maker of ["ours", "go"] as const) {
      const counts = of(maker)?.counts.get(verb);
      if (row[maker] !== undefined && counts !== undefined) row[maker].counts = counts;
    }
    return row;
  });
}
