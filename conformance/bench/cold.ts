/**
 * The first call after a long time: the plugins' executables are not in the page cache. Copies of them are used, so
 * that only these need to be dropped from the cache (posix_fadvise, by dd); libraries and other programs stay in it.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../harness/host/command.ts";
import { pluginNames } from "../harness/plugins/binaries.ts";
import { binDirOf } from "./compare.ts";
import type { LauncherProgram } from "./launcher.ts";
import { Place } from "./place.ts";
import { type Maker, makers, type Row, rowOf, type Sample } from "./rows.ts";
import type { Workload } from "./workloads.ts";

/** On a disk: what is in a tmpfs is always in memory. */
const root = process.env["BENCH_DIR"] ?? "/var/tmp";

export async function measureCold(
  workload: Workload,
  { runs, program }: { runs: number; program: LauncherProgram },
): Promise<Row[]> {
  const folder = mkdtempSync(join(root, "cni-bench-cold-"));
  const sides: { maker: Maker; files: string[]; place: Place; samples: Map<string, Sample[]> }[] = [];
  try {
    for (const maker of makers) {
      const binDir = join(folder, maker);
      mkdirSync(binDir);
      for (const name of pluginNames) copyFileSync(`${binDirOf(maker)}/${name}`, `${binDir}/${name}`);
      const files = pluginNames.map((name) => `${binDir}/${name}`);
      // Only what has reached the disk can be dropped.
      runCommand(["sync", ...files]);
      sides.push({ maker, files, place: await Place.create(workload, binDir, program), samples: new Map() });
    }
    const verbs = workload.verbs.filter((verb) => verb === "VERSION" || verb === "ADD" || verb === "DEL");
    const containers = new Map(sides.map((side) => [side, side.place.addContainer(0)]));
    for (let run = -1; run < runs; run++) {
      for (const side of run % 2 === 0 ? sides : sides.toReversed()) {
        const container = containers.get(side);
        if (container === undefined) continue;
        for (const verb of verbs) {
          drop(side.files);
          const { wallMs, cpuMs, peakMb } = await side.place.run(verb, container);
          // The first round makes what stays on the host.
          if (run < 0) continue;
          side.samples.set(verb, [...(side.samples.get(verb) ?? []), { wallMs, cpuMs, peakMb }]);
        }
      }
    }
    const of = (maker: Maker, verb: string): Sample[] =>
      sides.find((side) => side.maker === maker)?.samples.get(verb) ?? [];
    const { name, backend } = workload;
    return verbs.map((verb) =>
      rowOf(
        { section: "cold", name, backend, call: verb, attachments: 0, parallel: 1 },
        { ours: of("ours", verb), go: of("go", verb) },
      ),
    );
  } finally {
    await Promise.all(sides.map(({ place }) => place.host.dispose()));
    rmSync(folder, { recursive: true });
  }
}

/** Drops files from the page cache, and throws when they are still there: then "cold" would be a lie. */
function drop(files: readonly string[]): void {
  for (const file of files) runCommand(["dd", `if=${file}`, "iflag=nocache", "count=0", "status=none"]);
  const { stdout } = spawnSync("fincore", ["--noheadings", "--bytes", "--output", "RES", ...files], {
    encoding: "utf8",
  });
  const left = stdout.split("\n").reduce((sum, line) => sum + Number(line), 0);
  if (left > 1e6)
    throw new Error(`${(left / 1e6).toFixed(0)} MB of the executables are still in the page cache`);
}
