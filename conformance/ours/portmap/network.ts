/** A host with a bridge and containers on it, as bridge would make them, for packets to published ports. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { asObject, type JsonObject } from "../../harness/host/json.ts";
import {
  type Command,
  callPlugin,
  callPluginAsync,
  type PluginCall,
  type PluginResponse,
} from "../../harness/plugins/plugin-call.ts";
import { addOutside, fetchPage, isUnreachable, outsideAddresses } from "../../harness/traffic/traffic.ts";
import { ours, tcp } from "./setting.ts";

export type Backend = "iptables" | "nftables";
export type IpFamily = "ipv4" | "ipv6";
export const families = ["ipv4", "ipv6"] as const;

export const hostAddress = outsideAddresses.host;
export const outside = outsideAddresses.outside;
export const gateway = { ipv4: "10.22.0.1", ipv6: "fd00:22::1" };
/** A second address of the host. */
export const secondAddress = { ipv4: "198.51.100.1", ipv6: "2001:db8:51::1" };

const lastBytes = { c1: 2, c2: 3, c3: 4, again: 12 };
/** "again" is a second address of c1. */
type Container = keyof typeof lastBytes;

function netnsOf(container: Container): string {
  return container === "again" ? "c1" : container;
}

export function addressOf(container: Container | number, family: IpFamily): string {
  const last = typeof container === "number" ? container : lastBytes[container];
  return family === "ipv4" ? `10.22.0.${last}` : `fd00:22::${last}`;
}

export function url(address: string, port: number): string {
  return `http://${address.includes(":") ? `[${address}]` : address}:${port}/`;
}

/**
 * Bridge cni0 with c1, c2 and c3, and a namespace outside that can be reached through the host.
 *
 * @param bridgeNetfilter whether the host's rules see what goes from one port of the bridge to another.
 */
export async function network(t: TestContext, bridgeNetfilter = false): Promise<Host> {
  const host = await hostFor(t);
  for (const tool of ["iptables", "ip6tables"]) {
    const name = `net.bridge.bridge-nf-call-${tool}`;
    const { status } = host.run("sysctl", ["-qw", `${name}=${bridgeNetfilter ? 1 : 0}`], { check: false });
    if (status !== 0 && bridgeNetfilter) t.skip("the kernel has no br_netfilter");
  }
  addOutside(host);
  const ip = (...args: string[]) => host.run("ip", args);
  for (const setting of ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]) {
    host.run("sysctl", ["-qw", setting]);
  }
  ip("link", "add", "cni0", "type", "bridge");
  ip("address", "add", `${gateway.ipv4}/24`, "dev", "cni0");
  ip("address", "add", `${gateway.ipv6}/64`, "dev", "cni0", "nodad");
  ip("link", "set", "cni0", "up");
  ip("link", "set", "lo", "up");
  ip("address", "add", `${secondAddress.ipv4}/32`, "dev", "lo");
  ip("address", "add", `${secondAddress.ipv6}/128`, "dev", "lo", "nodad");
  host.inNetns("outside", "ip", ["route", "add", "default", "via", hostAddress.ipv4]);
  host.inNetns("outside", "ip", ["-6", "route", "add", "default", "via", hostAddress.ipv6]);
  for (const name of ["c1", "c2", "c3"] as const) attach(host, name);
  for (const [family, length] of [
    ["ipv4", 24],
    ["ipv6", 64],
  ] as const) {
    const address = `${addressOf("again", family)}/${length}`;
    // Not to be chosen as a source.
    const flags = family === "ipv6" ? ["nodad", "preferred_lft", "0"] : [];
    host.inNetns("c1", "ip", ["address", "add", address, "dev", "eth0", ...flags]);
  }
  return host;
}

function attach(host: Host, name: Container): void {
  host.addNetns(name);
  host.run("ip", ["link", "add", `veth${name}`, "type", "veth", "peer", "name", "eth0", "netns", name]);
  host.run("ip", ["link", "set", `veth${name}`, "up", "master", "cni0"]);
  host.run("ip", ["link", "set", `veth${name}`, "type", "bridge_slave", "hairpin", "on"]);
  const inside = (...args: string[]) => host.inNetns(name, "ip", args);
  inside("link", "set", "eth0", "up");
  inside("link", "set", "lo", "up");
  inside("address", "add", `${addressOf(name, "ipv4")}/24`, "dev", "eth0");
  inside("address", "add", `${addressOf(name, "ipv6")}/64`, "dev", "eth0", "nodad");
  inside("route", "add", "default", "via", gateway.ipv4);
  inside("-6", "route", "add", "default", "via", gateway.ipv6);
}

export type Call = {
  container?: Container;
  /** The last part of the address, where it is not the container's. */
  last?: number;
  containerId?: string;
  ifname?: string;
  network?: string;
  mappings?: JsonObject[];
  keys?: JsonObject;
  backend?: Backend | null;
};

export function configOf({ container = "c1", backend = "nftables", ...rest }: Call): JsonObject {
  const { network: name = "mynet", ifname = "eth0", mappings = [tcp(8080, 80)], keys = {} } = rest;
  const address = (family: IpFamily, length: number) => ({
    address: `${addressOf(rest.last ?? container, family)}/${length}`,
    interface: 1,
  });
  return {
    cniVersion: "1.1.0",
    name,
    type: "portmap",
    ...(backend === null ? {} : { backend }),
    ...keys,
    runtimeConfig: { portMappings: mappings },
    prevResult: {
      cniVersion: "1.1.0",
      interfaces: [{ name: "cni0" }, { name: ifname, sandbox: `/run/netns/${netnsOf(container)}` }],
      ips: [address("ipv4", 24), address("ipv6", 64)],
    },
  };
}

export function call(host: Host, command: Command, setting: Call, bin = ours): PluginResponse {
  return callPlugin(host, bin, environmentOf(command, setting), configOf(setting));
}

function environmentOf(command: Command, setting: Call): PluginCall {
  const { container = "c1", containerId = netnsOf(container), ifname = "eth0" } = setting;
  return { command, containerId, netns: `/run/netns/${netnsOf(container)}`, ifname };
}

/** Asserts that a call fails with a code and a message, and says what to do. */
export function assertRefused(host: Host, command: Command, setting: Call, code: number, says: RegExp): void {
  const { status, stdout, json } = call(host, command, setting);
  assert.equal(status, 1, stdout);
  const error = asObject(json);
  assert.equal(error["code"], code, stdout);
  assert.match(String(error["msg"]), says);
  assert.notEqual(error["details"] ?? "", "");
}

/** Several calls at the same time, which must all succeed. */
export async function succeedTogether(
  host: Host,
  command: Command,
  settings: readonly Call[],
): Promise<void> {
  const calls = settings.map((setting) =>
    callPluginAsync(host, ours, environmentOf(command, setting), configOf(setting)),
  );
  for (const { status, stdout, stderr } of await Promise.all(calls)) {
    assert.equal(`${status} ${stderr}`, "0 ", `${command}: ${stdout}`);
  }
}

/** Serves a page on the host itself, until it is disposed of. */
export async function serveOnHost(host: Host, port: number, page: string): Promise<void> {
  const tool = fileURLToPath(new URL("../../harness/traffic/traffic-tool.ts", import.meta.url));
  await host.start(process.execPath, [tool, "http", String(port), page]);
}

export function succeed(host: Host, command: Command, setting: Call, bin = ours): void {
  const { status, stdout, stderr } = call(host, command, setting, bin);
  assert.equal(status, 0, `${command}: ${stdout}${stderr}`);
  assert.equal(stderr, "", command);
}

/** Asserts which page comes from a URL, and, if it matters, whom its server has seen. */
export function assertPage(
  host: Host,
  from: string | undefined,
  target: string,
  page: string,
  client?: string,
): void {
  const place = from === undefined ? {} : { netns: from };
  const got = fetchPage(host, target, place);
  const what = `${target} from ${from ?? "the host"}`;
  assert.equal(got.page, page, what);
  if (client !== undefined) assert.equal(got.client, client, what);
}

export function assertNoPage(host: Host, from: string | undefined, target: string): void {
  const place = from === undefined ? {} : { netns: from };
  assert.ok(isUnreachable(host, target, place), `${target} from ${from ?? "the host"}`);
}

/** `nft list ruleset`, or only one table, without counters: the host itself sends packets, too. */
export function listing(host: Host, table?: string): string {
  const what = table === undefined ? ["ruleset"] : ["table", ...table.split(" ")];
  return host.run("nft", ["--stateless", "list", ...what], { check: false }).stdout;
}
