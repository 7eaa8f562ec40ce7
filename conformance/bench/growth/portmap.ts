import { Host } from "../../harness/host/host.ts";
import { callPlugin, callPluginAsync } from "../../harness/plugins/plugin-call.ts";
import { executableOf } from "./makers.ts";
import { checkStatus, type Subject } from "./subject.ts";

/**
 * portmap (backend nftables) with more and more attachments that publish a port, beside the Go plugin. "DEL again" gets
 * nothing but names, as for a container that has never published a port. Times include some 3 ms for entering the host.
 */
export const portmap: Subject = {
  of: "attachments",
  sizes: [1, 100, 1000],
  runs: 21,
  quantile: 0.5,
  variants: { ours: Infinity, peer: Infinity },
  calls: ["ADD", "DEL", "DEL again"],
  async place(maker, size) {
    const executable = executableOf("portmap", maker);
    const host = await Host.create();
    const open = Array.from({ length: size }, (_, index) => index);
    const work = async (): Promise<void> => {
      for (let index = open.pop(); index !== undefined; index = open.pop()) {
        const added = await callPluginAsync(host, executable, callOf("ADD", index), configOf(index));
        checkStatus("ADD", added);
      }
    };
    await Promise.all([work(), work()]);
    return {
      time(call) {
        const names = { cniVersion: "1.0.0", name: "net", type: "portmap" };
        const config = call === "DEL again" ? names : configOf(5000);
        return timed(host, executable, callOf(call === "ADD" ? "ADD" : "DEL", 5000), config);
      },
      note() {
        const { stdout } = host.run("nft", ["list", "ruleset"]);
        const rules = stdout.split("\n").filter((line) => /dnat|masquerade/.test(line));
        return `${rules.length} lines that translate`;
      },
      dispose: () => host.dispose(),
    };
  },
};

/**
 * portmap (backend iptables) for a container with more and more published ports, beside the Go plugin, which starts
 * iptables for each rule. BENCH_PORTS has other numbers of ports.
 */
export const portmapPorts: Subject = {
  of: "ports",
  sizes: (process.env["BENCH_PORTS"] ?? "1,100,300,1000,5000").split(",").map(Number),
  runs: 5,
  quantile: 0.5,
  variants: { ours: Infinity, peer: 300 },
  calls: ["ADD", "CHECK", "DEL"],
  async place(maker, size) {
    const executable = executableOf("portmap", maker);
    const host = await Host.create();
    host.addNetns("c0");
    const config = { ...configOf(0, size), backend: "iptables" };
    return {
      time(call) {
        const command = call === "ADD" || call === "CHECK" ? call : "DEL";
        return timed(host, executable, callOf(command, 0), config);
      },
      dispose: () => host.dispose(),
    };
  },
};

type Command = "ADD" | "CHECK" | "DEL";

/** The attachment with this number: its address and its ports are its own. */
function configOf(index: number, ports = 1): object {
  const address = `10.1.${(index >> 8) + 1}.${index & 255}/16`;
  const portMappings = Array.from({ length: ports }, (_, port) => ({
    hostPort: 10_000 + index + port,
    containerPort: 80,
    protocol: "tcp",
  }));
  return {
    cniVersion: "1.0.0",
    name: "net",
    type: "portmap",
    backend: "nftables",
    runtimeConfig: { portMappings },
    prevResult: {
      cniVersion: "1.0.0",
      interfaces: [{ name: "eth0", sandbox: `/run/netns/c${index}` }],
      ips: [{ address, gateway: "10.1.0.1", interface: 0 }],
    },
  };
}

function callOf(command: Command, index: number) {
  return { command, containerId: `c${index}`, netns: `/run/netns/c${index}`, ifname: "eth0" };
}

function timed(host: Host, executable: string, call: ReturnType<typeof callOf>, config: object): number {
  const start = performance.now();
  checkStatus(`${call.command} by ${executable}`, callPlugin(host, executable, call, config));
  return performance.now() - start;
}
