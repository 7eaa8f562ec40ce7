/** How long the start takes: an executable with nothing in it, our first line, and the whole of VERSION. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Host } from "../harness/host/host.ts";
import { pluginEnvironment } from "../harness/plugins/plugin-call.ts";
import { binDirOf } from "./compare.ts";
import { type Call, Launcher, type LauncherProgram } from "./launcher.ts";
import { type Row, rowOf, type Sample } from "./rows.ts";

/** How the page cache holds a file makes its start some percent faster or slower: copies of each take turns. */
const copies = 4;
const warmUps = copies;
const builder = join(import.meta.dirname, "../../build/program/start-probes.ts");

/** The row of an empty program that is packaged with all of Node, as pkg does it. */
export const emptyNode = "empty, all of Node";

/**
 * The rows `empty` (also with all of Node), `first line` (of the bridge's program) and VERSION of the largest and the
 * smallest plugin.
 */
export async function measureStart(runs: number, program: LauncherProgram): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "cni-bench-start-"));
  try {
    const { status, stdout, stderr } = spawnSync(process.execPath, [builder, folder], { encoding: "utf8" });
    if (status !== 0) throw new Error(`${builder}: ${stdout}${stderr}`);
    await using host = await Host.create();
    return await timed(new Launcher(host, program), candidates(folder), runs);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Candidate = { name: string; call: string; who: "ours" | "go"; runs: Call[]; samples: Sample[] };

function candidates(probes: string): Candidate[] {
  const candidate = (name: string, call: string, who: "ours" | "go", bin: string): Candidate => {
    const runs = Array.from({ length: copies }, (_, index): Call => {
      const copy = `${probes}/${who}-${name}-${call.replaceAll(" ", "-")}-${index}`;
      copyFileSync(bin, copy);
      const env = pluginEnvironment(copy, { command: "VERSION" });
      return { argv: [copy], env, stdin: '{"cniVersion":"1.0.0"}' };
    });
    return { name, call, who, runs, samples: [] };
  };
  return [
    candidate("executable", "empty", "ours", `${probes}/empty`),
    candidate("executable", emptyNode, "ours", `${probes}/empty-node`),
    candidate("bridge", "first line", "ours", `${probes}/first-line`),
    ...["bridge", "loopback"].flatMap((plugin) =>
      (["ours", "go"] as const).map((who) => candidate(plugin, "VERSION", who, `${binDirOf(who)}/${plugin}`)),
    ),
  ];
}

async function timed(launcher: Launcher, all: readonly Candidate[], runs: number): Promise<Row[]> {
  for (let run = -warmUps; run < runs; run++) {
    for (const { runs: calls, samples } of run % 2 === 0 ? all : all.toReversed()) {
      const call = calls.at(run % copies);
      if (call === undefined) continue;
      const { wallMs, cpuMs, peakMb } = await launcher.run(call);
      if (run >= 0) samples.push({ wallMs, cpuMs, peakMb });
    }
  }
  return all
    .filter(({ who }) => who === "ours")
    .map(({ name, call, samples }) => {
      const go = all.find((one) => one.name === name && one.call === call && one.who === "go")?.samples ?? [];
      const base = { section: "start", name, call, backend: "", attachments: 0, parallel: 1 } as const;
      return rowOf(base, { ours: samples, go });
    });
}
