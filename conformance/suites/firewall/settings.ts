import type { JsonObject } from "../../harness/host/json.ts";
import type { CallStep } from "../../scenario/call-step.ts";
import type { PacketStep, Step } from "../../scenario/scenario.ts";

/** What a bridge plugin would have said of a container: firewall is tried alone with it. */
export function resultOf(
  addresses: readonly string[] = ["10.22.0.2/24"],
  bridge: string | null = "cni0",
  veth = "veth1",
): JsonObject {
  const interfaces = [{ name: bridge }, { name: veth }, { name: "eth0", sandbox: "/run/netns/c1" }];
  return {
    ...(bridge !== null && { interfaces }),
    ips: addresses.map((address) => ({ address, ...(bridge !== null && { interface: 2 }) })),
  };
}

/** ADD alone, after nothing but a result. */
export function addAlone(
  config: JsonObject,
  addresses?: readonly string[],
  bridge?: string | null,
  veth?: string,
): CallStep {
  return { call: "ADD", config, prevResult: resultOf(addresses, bridge, veth) };
}

const hostAddress = { ipv4: "192.0.2.1", ipv6: "2001:db8:ffff::1" };
export const outsideAddress = { ipv4: "192.0.2.2", ipv6: "2001:db8:ffff::2" };
export const families = ["ipv4", "ipv6"] as const;

/** c1 and c2 are on bridge cni0, c3 on cni1. */
export const addressOf = {
  c1: { ipv4: "10.22.0.2", ipv6: "fd00:22::2" },
  c2: { ipv4: "10.22.0.3", ipv6: "fd00:22::3" },
  c3: { ipv4: "10.23.0.2", ipv6: "fd00:23::2" },
} as const;
export type Container = keyof typeof addressOf;

function networkOf(container: Container): "net1" | "net2" {
  return container === "c3" ? "net2" : "net1";
}

function bridgeOf(container: Container): JsonObject {
  const number = container === "c3" ? 1 : 0;
  return {
    ...{ type: "bridge", bridge: `cni${number}`, isGateway: true },
    ipam: {
      type: "host-local",
      ranges: [[{ subnet: `10.2${2 + number}.0.0/24` }], [{ subnet: `fd00:2${2 + number}::/64` }]],
      routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
    },
  };
}

/** The bridge plugin of the same folder, a web server in each container, and a world that knows the way to them. */
export function attach(...containers: Container[]): Step[] {
  return [
    ...containers.flatMap((container): Step[] => [
      { chain: "ADD", plugins: [bridgeOf(container)], container, network: networkOf(container) },
      { serve: "tcp", in: container, port: 80 },
    ]),
    { serve: "tcp", in: "outside", port: 80 },
    { run: ["ip", "route", "add", "default", "via", hostAddress.ipv4], in: "outside" },
    { run: ["ip", "-6", "route", "add", "default", "via", hostAddress.ipv6], in: "outside" },
  ];
}

/** A call of firewall on top of what `attach` made. */
export function on(call: "ADD" | "CHECK" | "DEL", container: Container, config: JsonObject): CallStep {
  return {
    ...{ call, container, config: { name: networkOf(container), ...config } },
    ...(call === "ADD" && { prevResult: "result" as const }),
  };
}

export function passes(from: string, to: string, at: string): PacketStep {
  return { packet: "tcp", from, to, port: 80, arrives: true, at };
}

export function isStopped(from: string, to: string): PacketStep {
  return { packet: "tcp", from, to, port: 80, arrives: false };
}

/** Packets between ports of one bridge are, or are not, shown to the host's rules. */
export function bridgeNetfilter(value: 0 | 1): Step[] {
  return ["iptables", "ip6tables"].map((tool) => ({
    run: ["sysctl", "-qw", `net.bridge.bridge-nf-call-${tool}=${value}`],
    status: value === 0 ? null : 0,
  }));
}
