import { createHash } from "node:crypto";
import type { JsonObject } from "../../harness/host/json.ts";
import type { CallStep } from "../../scenario/call-step.ts";
import type { Step } from "../../scenario/scenario.ts";

export type Backend = "iptables" | "nftables";
export const backends: readonly Backend[] = ["iptables", "nftables"];
export const families = ["ipv4", "ipv6"] as const;

/** Where packets go in every scenario: the first two containers that host-local gives an address. */
export const hostAddress = { ipv4: "192.0.2.1", ipv6: "2001:db8:ffff::1" };
export const outsideAddress = { ipv4: "192.0.2.2", ipv6: "2001:db8:ffff::2" };
export const gateway = { ipv4: "10.22.0.1", ipv6: "fd00:22::1" };
export const c1 = { ipv4: "10.22.0.2", ipv6: "fd00:22::2" };
export const c2 = { ipv4: "10.22.0.3", ipv6: "fd00:22::3" };
/** A second address of the host, when `secondAddress` steps have set it. */
export const second = { ipv4: "198.51.100.1", ipv6: "2001:db8:51::1" };

export const v4 = { address: `${c1.ipv4}/24`, interface: 1 };
export const v6 = { address: `${c1.ipv6}/64`, interface: 1 };

/** What a bridge plugin would have said of a container: portmap is tried alone with it. */
export function resultOf(...ips: JsonObject[]): JsonObject {
  return { interfaces: [{ name: "cni0" }, { name: "eth0", sandbox: "/run/netns/c1" }], ips };
}

export function tcp(hostPort: number, containerPort: number, hostIP?: string): JsonObject {
  return { hostPort, containerPort, protocol: "tcp", ...(hostIP !== undefined && { hostIP }) };
}

export function udp(hostPort: number, containerPort: number, hostIP?: string): JsonObject {
  return { ...tcp(hostPort, containerPort, hostIP), protocol: "udp" };
}

export function publish(portMappings: readonly JsonObject[], keys: JsonObject = {}): JsonObject {
  return { backend: "iptables", ...keys, runtimeConfig: { portMappings } };
}

/** ADD alone, after nothing but a result. */
export function addAlone(config: JsonObject, ips: readonly JsonObject[] = [v4]): CallStep {
  return { call: "ADD", config, prevResult: resultOf(...ips) };
}

/** portmap's chain for an attachment, as every release of the Go plugin names it. */
export function chainOf(network = "net1", id = "c1"): string {
  const hash = createHash("sha512")
    .update(network + id, "utf8")
    .digest("hex");
  return `CNI-DN-${hash}`.slice(0, 28);
}

const bridge: JsonObject = {
  type: "bridge",
  bridge: "cni0",
  isGateway: true,
  hairpinMode: true,
  ipam: {
    type: "host-local",
    ranges: [[{ subnet: "10.22.0.0/24" }], [{ subnet: "fd00:22::/64" }]],
    routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
  },
};

/** Containers on the bridge cni0 with an address of each family, by the bridge plugin of the same folder. */
export function attach(...containers: string[]): Step[] {
  return containers.map((container) => ({ chain: "ADD", plugins: [bridge], container }));
}

/** ADD on top of what `attach` made. */
export function add(config: JsonObject, container = "c1"): CallStep {
  return { call: "ADD", config, prevResult: "result", container };
}

/** Packets between ports of one bridge are, or are not, shown to the host's rules. */
export function bridgeNetfilter(value: 0 | 1): Step[] {
  return ["iptables", "ip6tables"].map((tool) => ({
    run: ["sysctl", "-qw", `net.bridge.bridge-nf-call-${tool}=${value}`],
    status: value === 0 ? null : 0,
  }));
}

/** Gives the host its second address. */
export const secondAddress: Step[] = [
  { run: ["ip", "address", "add", `${second.ipv4}/32`, "dev", "lo"] },
  { run: ["ip", "address", "add", `${second.ipv6}/128`, "dev", "lo", "nodad"] },
];
export const secondAddressLeaves = {
  addresses: [" (198\\.51\\.100\\.1|2001:db8:51::1)/"],
  routes: ["198\\.51\\.100\\.1|2001:db8:51::1"],
};

/** The world outside knows the way to containers by their own addresses, and to the host's second one. */
export const wayFromOutside: Step[] = [
  { run: ["ip", "route", "add", "default", "via", hostAddress.ipv4], in: "outside" },
  { run: ["ip", "-6", "route", "add", "default", "via", hostAddress.ipv6], in: "outside" },
];

/** Tracked connections end by themselves; that DEL ends those to a container is a scenario of its own. */
export const connections = { conntrack: ["."] };
