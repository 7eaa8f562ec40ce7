/**
 * What ADD and DEL of portmap (backend nftables) cost with more and more published ports on the host, beside the Go
 * plugin in the same run. Each size and plugin has a host of its own; their runs take turns, so that noise of the
 * machine meets them alike. A call's time includes some 3 ms for entering the host.
 */
import { loadavg } from "node:os";
import { Host } from "../harness/host/host.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { ensurePeer } from "../harness/plugins/peers.ts";
import { callPlugin, callPluginAsync } from "../harness/plugins/plugin-call.ts";

const sizes = [1, 100, 1000];
const runs = Number(process.env["BENCH_RUNS"] ?? 21);
const makers = ["ours", "peer"] as const;
type Maker = (typeof makers)[number];
const executables: Record<Maker, string> = {
  ours: `${pluginFolder()}/portmap`,
  peer: `${ensurePeer().binDir}/portmap`,
};
/** "DEL again" gets nothing but names, as for a container that has never published a port. */
const commands = ["ADD", "DEL", "DEL again"] as const;
type Command = (typeof commands)[number];

/** The attachment with this number: its address and its port are its own. */
function configOf(index: number): object {
  const address = `10.1.${(index >> 8) + 1}.${index & 255}/16`;
  return {
    cniVersion: "1.0.0",
    name: "net",
    type: "portmap",
    backend: "nftables",
    runtimeConfig: { portMappings: [{ hostPort: 10_000 + index, containerPort: 80, protocol: "tcp" }] },
    prevResult: {
      cniVersion: "1.0.0",
      interfaces: [{ name: "eth0", sandbox: `/run/netns/c${index}` }],
      ips: [{ address, gateway: "10.1.0.1", interface: 0 }],
    },
  };
}

function callOf(command: "ADD" | "DEL", index: number) {
  return { command, containerId: `c${index}`, netns: `/run/netns/c${index}`, ifname: "eth0" };
}

/** A host with this many attachments. */
async function filled(maker: Maker, size: number): Promise<Host> {
  const host = await Host.create();
  const open = Array.from({ length: size }, (_, index) => index);
  const work = async (): Promise<void> => {
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      const { status, stdout } = await callPluginAsync(
        host,
        executables[maker],
        callOf("ADD", index),
        configOf(index),
      );
      if (status !== 0) throw new Error(stdout);
    }
  };
  await Promise.all([work(), work()]);
  return host;
}

function timed(host: Host, maker: Maker, command: Command): number {
  const index = 5000;
  const verb = command === "ADD" ? "ADD" : "DEL";
  const config =
    command === "DEL again" ? { cniVersion: "1.0.0", name: "net", type: "portmap" } : configOf(index);
  const start = performance.now();
  const { status, stdout } = callPlugin(host, executables[maker], callOf(verb, index), config);
  const time = performance.now() - start;
  if (status !== 0) throw new Error(`${command} by ${maker}: ${stdout}`);
  return time;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

console.log(`${runs} runs each, medians in ms; load ${loadavg()[0]?.toFixed(1)} at the start`);
const places: { maker: Maker; size: number; host: Host }[] = [];
try {
  for (const size of sizes) {
    for (const maker of makers) places.push({ maker, size, host: await filled(maker, size) });
  }
  const times = new Map<string, number[]>();
  for (let run = 0; run < runs; run++) {
    for (const { maker, size, host } of run % 2 === 0 ? places : places.toReversed()) {
      for (const command of commands) {
        const key = `${maker} ${command} ${size}`;
        times.set(key, [...(times.get(key) ?? []), timed(host, maker, command)]);
      }
    }
  }
  const at = (maker: Maker, command: Command, size: number): number =>
    median(times.get(`${maker} ${command} ${size}`) ?? []);
  const columns = commands.flatMap((command) => makers.map((maker) => ({ command, maker })));
  console.table(
    sizes.map((size) => ({
      attachments: size,
      ...Object.fromEntries(
        columns.map(({ command, maker }) => [`${command} ${maker}`, at(maker, command, size).toFixed(1)]),
      ),
    })),
  );
  for (const command of commands) {
    const ratio = at("ours", command, 1000) / at("ours", command, 1);
    console.log(`${command}: ours with 1000 attachments takes ${ratio.toFixed(2)} times as long as with 1`);
  }
  for (const { maker, size, host } of places) {
    const rules = host
      .run("nft", ["list", "ruleset"])
      .stdout.split("\n")
      .filter((line) => /dnat|masquerade/.test(line));
    console.log(`${maker}, ${size} attachments: ${rules.length} lines that translate`);
  }
} finally {
  for (const { host } of places) await host.dispose();
}
