/** The total time of calls that start at the same moment, each for a container of its own. */
import { binDirOf } from "./compare.ts";
import type { LauncherProgram } from "./launcher.ts";
import { type Container, Place } from "./place.ts";
import { type Maker, makers, type Row, rowOf, type Sample } from "./rows.ts";
import type { Workload } from "./workloads.ts";

const verbs = ["ADD", "DEL"] as const;

type Side = {
  maker: Maker;
  place: Place;
  containers: Container[];
  samples: Map<string, Sample[]>;
  failures: Map<string, number>;
};

/**
 * Measures batches of these sizes. A call that fails is counted and told of, since a plugin may fail under such
 * load; DEL clears up after it.
 */
export async function measureParallel(
  workload: Workload,
  batches: readonly number[],
  { runs, program }: { runs: number; program: LauncherProgram },
): Promise<Row[]> {
  const sides: Side[] = [];
  try {
    for (const maker of makers) {
      const place = await Place.create(workload, binDirOf(maker), program);
      sides.push({ maker, place, containers: [], samples: new Map(), failures: new Map() });
    }
    for (const { place, containers } of sides) {
      for (let number = 0; number < Math.max(...batches); number++)
        containers.push(place.addContainer(number));
    }
    for (const side of sides) await batch(side, 1, false);
    for (const size of batches) {
      for (let run = 0; run < runs; run++) {
        for (const side of run % 2 === 0 ? sides : sides.toReversed()) await batch(side, size, true);
      }
    }
    return batches.flatMap((size) => verbs.map((verb) => row(workload, sides, size, verb)));
  } finally {
    await Promise.all(sides.map(({ place }) => place.host.dispose()));
  }
}

async function batch(
  { place, containers, samples, failures }: Side,
  size: number,
  counted: boolean,
): Promise<void> {
  for (const verb of verbs) {
    const calls = containers.slice(0, size).map((container) => place.call(verb, container));
    const { wallMs, outcomes } = await place.launcher.runAll(calls);
    if (!counted) continue;
    const key = `${verb} ${size}`;
    const cpuMs = outcomes.reduce((sum, outcome) => sum + outcome.cpuMs, 0);
    const peakMb = Math.max(...outcomes.map((outcome) => outcome.peakMb));
    samples.set(key, [...(samples.get(key) ?? []), { wallMs, cpuMs, peakMb }]);
    const failed = outcomes.filter(({ status }) => status !== 0).length;
    failures.set(key, (failures.get(key) ?? 0) + failed);
  }
}

function row({ name, backend }: Workload, sides: readonly Side[], size: number, verb: string): Row {
  const key = `${verb} ${size}`;
  const of = (maker: Maker): Side | undefined => sides.find((side) => side.maker === maker);
  const samples = (maker: Maker): Sample[] => of(maker)?.samples.get(key) ?? [];
  const result = rowOf(
    { section: "parallel", name, backend, call: verb, attachments: 0, parallel: size },
    { ours: samples("ours"), go: samples("go") },
  );
  for (const maker of makers) {
    const failures = of(maker)?.failures.get(key) ?? 0;
    if (failures > 0 && result[maker] !== undefined) result[maker].failures = failures;
  }
  return result;
}
