import { loadavg } from "node:os";
import { firewall } from "./firewall.ts";
import { hostLocal } from "./host-local.ts";
import { portmap, portmapPorts } from "./portmap.ts";
import type { Place, Subject } from "./subject.ts";

export const subjects: Readonly<Record<string, Subject>> = {
  "firewall-growth": firewall,
  "host-local-growth": hostLocal,
  "portmap-growth": portmap,
  "portmap-ports-growth": portmapPorts,
};

/**
 * Measures a subject's calls and prints a row for each call and variant. All places take turns, so that noise of the
 * machine meets them alike.
 */
export async function measureGrowth(subject: Subject): Promise<void> {
  const { calls, of, quantile, sizes, variants } = subject;
  const runs = Number(process.env["BENCH_RUNS"] ?? subject.runs);
  console.log(`${runs} runs each, in ms, of which ${quantile * 100} % are below; ${load()} at the start`);
  const places: { variant: string; size: number; place: Place }[] = [];
  try {
    for (const size of sizes) {
      for (const [variant, largest] of Object.entries(variants)) {
        if (size <= largest) places.push({ variant, size, place: await subject.place(variant, size) });
      }
    }
    const times = new Map<string, number[]>();
    for (let run = 0; run < runs; run++) {
      for (const { variant, size, place } of run % 2 === 0 ? places : places.toReversed()) {
        for (const call of calls) {
          const key = `${variant} ${call} ${size}`;
          times.set(key, [...(times.get(key) ?? []), place.time(call)]);
        }
      }
    }
    // Counted in the same order: a call may need what the one before it has made.
    const counts = new Map<string, number>();
    for (const { variant, size, place } of places) {
      for (const call of calls) {
        const count = place.count?.(call);
        if (count !== undefined) counts.set(`${variant} ${call} ${size}`, count);
      }
    }
    const at = (variant: string, call: string, size: number): number => {
      const all = times.get(`${variant} ${call} ${size}`) ?? [];
      return all.toSorted((a, b) => a - b)[Math.floor(all.length * quantile)] ?? Number.NaN;
    };
    const rows = Object.entries(variants).flatMap(([variant, largest]) => {
      const mine = sizes.filter((size) => size <= largest);
      return [...new Set(calls)].map((call) => {
        const counted = mine.flatMap((size) => counts.get(`${variant} ${call} ${size}`) ?? []);
        const ratio = at(variant, call, mine.at(-1) ?? 0) / at(variant, call, mine[0] ?? 0);
        return {
          call: `${call}, ${variant}`,
          ...Object.fromEntries(mine.map((size) => [`${size} ${of}`, at(variant, call, size).toFixed(1)])),
          "last/first": ratio.toFixed(2),
          ...(counted.length > 0 && { "system calls": counted.join(" ") }),
        };
      });
    });
    console.table(rows);
    for (const { variant, size, place } of places) {
      const note = place.note?.();
      if (note !== undefined) console.log(`${variant}, ${size} ${of}: ${note}`);
    }
    console.log(`${load()} at the end`);
  } finally {
    for (const { place } of places) await place.dispose();
  }
}

function load(): string {
  return `load ${loadavg()[0]?.toFixed(1)}`;
}
