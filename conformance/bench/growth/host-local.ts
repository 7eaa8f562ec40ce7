import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pluginEnvironment } from "../../harness/plugins/plugin-call.ts";
import { executableOf } from "./makers.ts";
import { checkStatus, type Subject } from "./subject.ts";

/**
 * host-local with more and more leases in the directory, beside the Go plugin. Each has directories of its own, filled
 * with files in the Go plugin's form: ours has to take them over first. BENCH_DIR chooses the file system.
 */
export const hostLocal: Subject = {
  of: "leases",
  sizes: [0, 1000, 10_000, 60_000],
  runs: 31,
  quantile: 0.5,
  variants: { ours: Infinity, peer: Infinity },
  calls: ["ADD", "DEL"],
  async place(maker, size) {
    const bin = executableOf("host-local", maker);
    const root = mkdtempSync(join(process.env["BENCH_DIR"] ?? tmpdir(), "host-local-growth-"));
    const input = fill(root, size);
    let container = 0;
    const run = (call: string, ...before: readonly string[]): void => {
      const [program = bin, ...args] = [...before, bin];
      const command = call === "ADD" ? "ADD" : "DEL";
      if (command === "ADD") container++;
      const plugin = { command, containerId: `c${container}`, netns: "/none", ifname: "eth0" } as const;
      const env = pluginEnvironment(bin, plugin);
      checkStatus(`${call} by ${bin}`, spawnSync(program, args, { input, env, encoding: "utf8" }));
    };
    const time = (call: string): number => {
      const start = performance.now();
      run(call);
      return performance.now() - start;
    };
    const first = time("ADD");
    run("DEL");
    return {
      time,
      /** System calls after it has come to its configuration: before, it is Node that starts. */
      ...(maker === "ours" && {
        count(call: string) {
          const trace = join(root, "trace");
          run(call, "strace", "-o", trace, "-s", "200");
          const lines = readFileSync(trace, "utf8")
            .split("\n")
            // Waiting for threads and memory differ from run to run.
            .filter((line) => !/^(futex|madvise|mmap|munmap|mprotect|brk)\(/.test(line));
          return lines.length - lines.findIndex((line) => line.includes(root));
        },
      }),
      note: () => `the first ADD took ${first.toFixed(0)} ms`,
      dispose: () => rmSync(root, { recursive: true }),
    };
  },
};

/**
 * Makes leases of 64-digit container IDs in one block, and the cursor behind them. Returns the configuration for them.
 */
function fill(dataDir: string, size: number): string {
  const directory = join(dataDir, "net");
  mkdirSync(directory, { recursive: true });
  for (let index = 0; index < size; index++) {
    writeFileSync(join(directory, address(index)), `${`${index}`.padStart(64, "0")}\r\neth0`, {
      mode: 0o600,
    });
  }
  if (size > 0) writeFileSync(join(directory, "last_reserved_ip.0"), address(size - 1));
  const ipam = { type: "host-local", subnet: "10.1.0.0/16", dataDir };
  return JSON.stringify({ cniVersion: "1.0.0", name: "net", type: "bridge", ipam });
}

function address(index: number): string {
  const host = index + 2;
  return `10.1.${host >> 8}.${host & 255}`;
}
