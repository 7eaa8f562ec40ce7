/** Calls of portmap in scratch hosts, and the rules that they leave. */
import assert from "node:assert/strict";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { type Family, iptablesSave } from "../../harness/host/inspect.ts";
import type { JsonObject } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";
import { type Command, callPlugin, type PluginResponse } from "../../harness/plugins/plugin-call.ts";

/** What the Go plugin does not have. */
export const beyondPeer = { skip: expectPeer ? "the Go plugin differs here" : false };

export const ours = `${pluginFolder()}/portmap`;
export const peers = `${ensurePeer().binDir}/portmap`;

export const v4 = { address: "10.0.0.2/24", interface: 1 };
export const v6 = { address: "2001:db8:1::2/64", interface: 1 };
export const tcp = (hostPort: number, containerPort: number, hostIP?: string) => ({
  ...{ hostPort, containerPort, protocol: "tcp" },
  ...(hostIP === undefined ? {} : { hostIP }),
});
export const udp = (hostPort: number, containerPort: number) => ({
  ...tcp(hostPort, containerPort),
  protocol: "udp",
});

export type Setting = {
  ips?: JsonObject[];
  mappings?: JsonObject[];
  keys?: JsonObject;
  containerId?: string;
  network?: string;
};

export function configOf({
  ips = [v4],
  mappings = [tcp(8080, 80)],
  keys = {},
  network = "mynet",
}: Setting): JsonObject {
  return {
    cniVersion: "1.1.0",
    name: network,
    type: "portmap",
    backend: "iptables",
    ...keys,
    runtimeConfig: { portMappings: mappings },
    prevResult: {
      cniVersion: "1.1.0",
      interfaces: [{ name: "cni0" }, { name: "eth0", sandbox: "/run/netns/c1" }],
      ips,
    },
  };
}

export function call(host: Host, bin: string, command: Command, setting: Setting): PluginResponse {
  const { containerId = "c1id" } = setting;
  const environment = { command, containerId, netns: "/run/netns/c1", ifname: "eth0" };
  return callPlugin(host, bin, environment, configOf(setting));
}

export function succeed(host: Host, bin: string, command: Command, setting: Setting): void {
  const { status, stdout, stderr } = call(host, bin, command, setting);
  assert.equal(status, 0, `${command}: ${stdout}${stderr}`);
  assert.equal(stderr, "", command);
}

/** Both families' nat tables, in the order in which they are printed. */
export function rules(host: Host): Record<Family, string[]> {
  return { ipv4: iptablesSave(host, "ipv4", "nat"), ipv6: iptablesSave(host, "ipv6", "nat") };
}

export type Flavour = "nft" | "legacy";

/** A host whose `iptables` is of one of the two kinds; the machine's own choice is not touched. */
export async function hostWith(t: Parameters<typeof hostFor>[0], flavour: Flavour): Promise<Host> {
  const host = await hostFor(t);
  choose(host, flavour);
  return host;
}

/** Makes `iptables` one of the two kinds in a host. */
export function choose(host: Host, flavour: Flavour): void {
  for (const tool of ["iptables", "ip6tables"]) {
    for (const part of ["", "-save", "-restore"]) {
      host.run("ln", ["-sfn", `/usr/sbin/${tool}-${flavour}${part}`, `/etc/alternatives/${tool}${part}`]);
    }
  }
  assert.match(host.run("iptables", ["--version"]).stdout, flavour === "nft" ? /nf_tables/ : /legacy/);
}
