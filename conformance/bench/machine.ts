import { spawnSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";
import { toolEnvironment } from "../harness/host/command.ts";

type Machine = Record<"processor" | "kernel" | "memory" | "iptables" | "nft" | "commit" | "date", string>;

/** What the numbers hold for. */
export function machine(): Machine {
  const [first] = cpus();
  return {
    processor: `${cpus().length} × ${first?.model ?? "?"}`,
    memory: `${(totalmem() / 1e9).toFixed(1)} GB`,
    kernel: release(),
    iptables: versionOf("iptables", "--version"),
    nft: versionOf("nft", "--version"),
    commit: versionOf("git", "-C", import.meta.dirname, "describe", "--always", "--dirty"),
    date: new Date().toISOString(),
  };
}

/** The load of the last minute. */
export function load(): number {
  return loadavg()[0] ?? Number.NaN;
}

function versionOf(command: string, ...args: string[]): string {
  return (
    spawnSync(command, args, { encoding: "utf8", env: toolEnvironment }).stdout?.trim() ?? "not installed"
  );
}
