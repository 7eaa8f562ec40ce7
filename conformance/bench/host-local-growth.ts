/**
 * What ADD and DEL of host-local cost with more and more leases in the directory, beside the Go plugin in the same run.
 *
 * Each plugin has directories of its own, filled with files in the Go plugin's form: ours has to take them over first.
 * The runs of all sizes and both plugins take turns, so that noise of the machine meets them alike.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { ensurePeer } from "../harness/plugins/peers.ts";
import { pluginEnvironment } from "../harness/plugins/plugin-call.ts";

const sizes = [0, 1000, 10_000, 60_000];
const runs = Number(process.env["BENCH_RUNS"] ?? 31);
const plugins = {
  ours: `${pluginFolder()}/host-local`,
  peer: `${ensurePeer().binDir}/host-local`,
};
type Maker = keyof typeof plugins;
const makers = ["ours", "peer"] as const;
const commands = ["ADD", "DEL"] as const;

/** BENCH_DIR chooses the file system. */
const root = mkdtempSync(join(process.env["BENCH_DIR"] ?? tmpdir(), "host-local-growth-"));
try {
  report();
} finally {
  rmSync(root, { recursive: true });
}

function report(): void {
  console.log(`${runs} runs each, medians in ms; load ${loadavg()[0]?.toFixed(1)} at the start`);
  const dataDirs = sizes.flatMap((size) =>
    makers.map((maker) => ({ size, maker, dataDir: filled(maker, size) })),
  );
  const takeOver = new Map<number, number>();
  for (const { size, maker, dataDir } of dataDirs) {
    const time = timed(maker, "ADD", dataDir, "first");
    if (maker === "ours") takeOver.set(size, time);
    timed(maker, "DEL", dataDir, "first");
  }
  const times = new Map<string, number[]>();
  for (let run = 0; run < runs; run++) {
    for (const { size, maker, dataDir } of run % 2 === 0 ? dataDirs : dataDirs.toReversed()) {
      for (const command of commands) {
        const key = `${maker} ${command} ${size}`;
        times.set(key, [...(times.get(key) ?? []), timed(maker, command, dataDir, `run${run}`)]);
      }
    }
  }
  const at = (maker: Maker, command: "ADD" | "DEL", size: number): number =>
    median(times.get(`${maker} ${command} ${size}`) ?? []);
  const rows = dataDirs
    .filter(({ maker }) => maker === "ours")
    .map(({ size, dataDir }) => ({
      leases: size,
      "ADD ours": at("ours", "ADD", size).toFixed(1),
      "ADD peer": at("peer", "ADD", size).toFixed(1),
      "DEL ours": at("ours", "DEL", size).toFixed(1),
      "DEL peer": at("peer", "DEL", size).toFixed(1),
      "system calls ADD": systemCalls(dataDir, "ADD"),
      "system calls DEL": systemCalls(dataDir, "DEL"),
      "first call of ours": (takeOver.get(size) ?? 0).toFixed(0),
    }));
  console.table(rows);
  const last = sizes.at(-1) ?? 0;
  for (const command of commands) {
    const ratio = at("ours", command, last) / at("ours", command, 0);
    console.log(`${command}: ours at ${last} leases takes ${ratio.toFixed(2)} times as long as at 0`);
  }
  console.log(`load ${loadavg()[0]?.toFixed(1)} at the end`);
}

/** A data directory with leases of 64-digit container IDs in one block, and the cursor behind them. */
function filled(maker: Maker, size: number): string {
  const dataDir = join(root, `${maker}-${size}`);
  const directory = join(dataDir, "net");
  mkdirSync(directory, { recursive: true });
  for (let index = 0; index < size; index++) {
    writeFileSync(join(directory, address(index)), `${`${index}`.padStart(64, "0")}\r\neth0`, {
      mode: 0o600,
    });
  }
  if (size > 0) writeFileSync(join(directory, "last_reserved_ip.0"), address(size - 1));
  return dataDir;
}

function address(index: number): string {
  const host = index + 2;
  return `10.1.${host >> 8}.${host & 255}`;
}

function configOf(dataDir: string): string {
  const ipam = { type: "host-local", subnet: "10.1.0.0/16", dataDir };
  return JSON.stringify({ cniVersion: "1.0.0", name: "net", type: "bridge", ipam });
}

/** Milliseconds from the start of the process to its end. */
function timed(maker: Maker, command: "ADD" | "DEL", dataDir: string, containerId: string): number {
  const bin = plugins[maker];
  const options = {
    input: configOf(dataDir),
    env: pluginEnvironment(bin, { command, containerId, netns: "/none", ifname: "eth0" }),
    encoding: "utf8",
  } as const;
  const start = performance.now();
  const { status, stdout } = spawnSync(bin, [], options);
  const time = performance.now() - start;
  if (status !== 0) throw new Error(`${command} by ${bin}: ${stdout}`);
  return time;
}

/** How many system calls the process makes after it has come to its configuration: before, it is Node that starts. */
function systemCalls(dataDir: string, command: "ADD" | "DEL"): number {
  const trace = join(root, "trace");
  const bin = plugins.ours;
  const { status, stdout } = spawnSync("strace", ["-o", trace, "-s", "200", bin], {
    input: configOf(dataDir),
    env: pluginEnvironment(bin, { command, containerId: "traced", netns: "/none", ifname: "eth0" }),
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${command} by ${bin}: ${stdout}`);
  const lines = readFileSync(trace, "utf8")
    .split("\n")
    // Waiting for threads and memory differ from run to run.
    .filter((line) => !/^(futex|madvise|mmap|munmap|mprotect|brk)\(/.test(line));
  return lines.length - lines.findIndex((line) => line.includes(dataDir));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
