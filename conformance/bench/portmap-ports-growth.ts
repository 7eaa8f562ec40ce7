/**
 * What ADD, CHECK and DEL of portmap (backend iptables) cost for a container with more and more published ports, beside
 * the Go plugin in the same run. A call's time includes some 3 ms for entering the host.
 */
import { loadavg } from "node:os";
import { Host } from "../harness/host/host.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { ensurePeer } from "../harness/plugins/peers.ts";
import { callPlugin } from "../harness/plugins/plugin-call.ts";

const sizes = (process.env["BENCH_PORTS"] ?? "1,100,300,1000,5000").split(",").map(Number);
const runs = Number(process.env["BENCH_RUNS"] ?? 5);
const commands = ["ADD", "CHECK", "DEL"] as const;
const executables = { ours: `${pluginFolder()}/portmap`, peer: `${ensurePeer().binDir}/portmap` } as const;
type Maker = keyof typeof executables;
const makers = ["ours", "peer"] as const;
/** The Go plugin starts iptables for each rule. */
const mostOfPeer = 300;

function configOf(ports: number): object {
  return {
    cniVersion: "1.0.0",
    name: "net",
    type: "portmap",
    backend: "iptables",
    runtimeConfig: {
      portMappings: Array.from({ length: ports }, (_, index) => ({
        hostPort: 10_000 + index,
        containerPort: 80,
        protocol: "tcp",
      })),
    },
    prevResult: {
      cniVersion: "1.0.0",
      interfaces: [{ name: "eth0", sandbox: "/run/netns/c" }],
      ips: [{ address: "10.1.0.2/16", gateway: "10.1.0.1", interface: 0 }],
    },
  };
}

function timed(host: Host, maker: Maker, command: (typeof commands)[number], ports: number): number {
  const call = { command, containerId: "c", netns: "/run/netns/c", ifname: "eth0" };
  const start = performance.now();
  const { status, stdout } = callPlugin(host, executables[maker], call, configOf(ports));
  const time = performance.now() - start;
  if (status !== 0) throw new Error(`${command} by ${maker}: ${stdout}`);
  return time;
}

function shown(values: readonly number[] = []): string {
  return values.toSorted((a, b) => a - b)[values.length >> 1]?.toFixed(1) ?? "";
}

console.log(`${runs} runs each, medians in ms; load ${loadavg()[0]?.toFixed(1)} at the start`);
const times = new Map<string, number[]>();
const host = await Host.create();
try {
  host.addNetns("c");
  for (const ports of sizes) {
    for (let run = 0; run < runs; run++) {
      for (const maker of ports > mostOfPeer ? (["ours"] as const) : makers) {
        for (const command of commands) {
          const key = `${ports} ${command} ${maker}`;
          times.set(key, [...(times.get(key) ?? []), timed(host, maker, command, ports)]);
        }
      }
    }
  }
} finally {
  await host.dispose();
}
const columns = commands.flatMap((command) => makers.map((maker) => `${command} ${maker}`));
console.table(
  sizes.map((ports) => ({
    ports,
    ...Object.fromEntries(columns.map((column) => [column, shown(times.get(`${ports} ${column}`))])),
  })),
);
