/** Configurations that cannot work: the spec's error object, exit status 1, and a host exactly as before. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { type Host, hostFor } from "../harness/host/host.ts";
import { ipJson } from "../harness/host/inspect.ts";
import { asObject, type JsonObject } from "../harness/host/json.ts";
import { difference, keepLines, type Snapshot, snapshot } from "../harness/host/snapshot.ts";
import { expectPeer, pluginFolder } from "../harness/plugins/binaries.ts";
import { pluginConfig } from "../harness/plugins/chain.ts";
import { readConflist } from "../harness/plugins/conflist.ts";
import { callPlugin, type PluginCall, type PluginResponse } from "../harness/plugins/plugin-call.ts";

const binDir = pluginFolder();
const list = readConflist("nerdctl-bridge.conflist");
const [bridgeOfList = {}] = list.plugins;
const bridge = pluginConfig(list, bridgeOfList);
const subnet = "10.4.0.0/24";

type Case = {
  what: string;
  /** What the error's text has to name. */
  names: RegExp;
  plugin?: string;
  config: JsonObject | string;
  call?: PluginCall;
  prepare?: (host: Host) => void;
};

const ipam = (more: JsonObject) => ({
  ...bridge,
  ipam: { type: "host-local", ranges: [[{ subnet }]], ...more },
});
const prevResult = {
  cniVersion: "1.0.0",
  interfaces: [{ name: "eth0", sandbox: "/run/netns/c1" }],
  ips: [{ address: "10.4.0.2/24", interface: 0 }],
};

const cases: Case[] = [
  { what: "no JSON", names: /JSON|json|character|input/, config: '{"name": "bridge", ' },
  { what: "an unknown spec version", names: /9\.9\.9/, config: { ...bridge, cniVersion: "9.9.9" } },
  { what: "a network name with a space", names: /a b/, config: { ...bridge, name: "a b" } },
  { what: "a number that is text", names: /mtu/, config: { ...bridge, mtu: "1500" } },
  { what: "a list that is an object", names: /ranges/, config: ipam({ ranges: {} }) },
  { what: "a MAC address that is none", names: /zz/, config: { ...bridge, runtimeConfig: { mac: "zz" } } },
  { what: "an IPAM plugin that is not there", names: /not-there/, config: ipam({ type: "not-there" }) },
  {
    what: "a subnet that is none",
    names: /10\.4\.0\.0\/99/,
    config: ipam({ ranges: [[{ subnet: "10.4.0.0/99" }]] }),
  },
  {
    what: "a subnet that is full",
    names: /10\.4\.0\.2/,
    config: ipam({ ranges: [[{ subnet, rangeStart: "10.4.0.2", rangeEnd: "10.4.0.2" }]] }),
    prepare: (host) => host.writeFile("/var/lib/cni/networks/bridge/10.4.0.2", "other\r\neth0"),
  },
  {
    what: "a bridge name that another kind of link has",
    names: /nerdctl0/,
    config: bridge,
    prepare: (host) => host.run("ip", ["link", "add", "nerdctl0", "type", "veth", "peer", "name", "veth9"]),
  },
  {
    what: "an interface name that the container has already",
    names: /eth0/,
    config: bridge,
    prepare: (host) =>
      host.run("ip", ["link", "add", "eth0", "type", "veth", "peer", "name", "eth1"], { netns: "c1" }),
  },
  {
    what: "a namespace that is not there",
    names: /\/run\/netns\/gone/,
    config: bridge,
    call: { netns: "/run/netns/gone" },
  },
  {
    what: "a namespace path to something else",
    names: /\/etc\/passwd/,
    config: bridge,
    call: { netns: "/etc/passwd" },
  },
  {
    what: "a container ID with a slash",
    names: /CNI_CONTAINERID|containerID/i,
    config: bridge,
    call: { containerId: "a/b" },
  },
  {
    what: "an interface name that is too long",
    names: /interface name/i,
    config: bridge,
    call: { ifname: "i234567890123456" },
  },
  {
    what: "a port mapping without a container port",
    names: /container ?port/i,
    plugin: "portmap",
    config: portmap({ hostPort: 8080, protocol: "tcp" }),
  },
  {
    what: "a host port beyond 65535",
    names: /70000/,
    plugin: "portmap",
    config: portmap({ hostPort: 70000, containerPort: 80, protocol: "tcp" }),
  },
  {
    what: "an unknown ingress policy",
    names: /upside-down/,
    plugin: "firewall",
    config: { ...pluginConfig(list, { type: "firewall", ingressPolicy: "upside-down" }), prevResult },
  },
  {
    what: "a kernel setting that is not there",
    names: /net\.ipv4\.nonsense|net\/ipv4\/nonsense/,
    plugin: "tuning",
    config: { ...pluginConfig(list, { type: "tuning", sysctl: { "net.ipv4.nonsense": "1" } }), prevResult },
  },
  ...["portmap", "firewall", "tuning"].map((plugin) => ({
    what: `${plugin} without the result of a plugin before it`,
    names: /prevResult|chained/i,
    plugin,
    config: pluginConfig(list, { type: plugin }),
  })),
];

function portmap(mapping: JsonObject): JsonObject {
  return {
    ...pluginConfig(list, { type: "portmap" }),
    runtimeConfig: { portMappings: [mapping] },
    prevResult,
  };
}

for (const { what, names, plugin = "bridge", config, call = {}, prepare } of cases) {
  test(`refused: ${what}`, async (t) => {
    const host = await hostFor(t);
    const netns = host.addNetns("c1");
    prepare?.(host);
    const before = everything(host);
    const attachment = { command: "ADD", containerId: "c1", netns, ifname: "eth0" } as const;
    const response = callPlugin(host, `${binDir}/${plugin}`, { ...attachment, ...call }, config);
    assertRefused(response, names);
    assertUnchanged(host, before);
  });
}

for (const plugin of ["bridge", "portmap", "firewall"]) {
  test(`refused: ${plugin} needs iptables, which is not there`, async (t) => {
    const host = await hostFor(t);
    const netns = host.addNetns("c1");
    const before = everything(host);
    const configs: Record<string, JsonObject> = {
      bridge: { ...bridge, ipMasqBackend: "iptables" },
      portmap: portmap({ hostPort: 8080, containerPort: 80, protocol: "tcp" }),
      firewall: { ...pluginConfig(list, { type: "firewall" }), prevResult },
    };
    hideIptables(host);
    const call = { command: "ADD", containerId: "c1", netns, ifname: "eth0" } as const;
    const config = { ...configs[plugin], backend: "iptables" };
    const response = callPlugin(host, `${binDir}/${plugin}`, call, config);
    host.run("umount", ["/usr/sbin"]);
    assertRefused(response, /iptables/);
    assertUnchanged(host, before);
  });
}

/** The spec's error object on standard output, a text that names the cause, nothing on standard error. */
function assertRefused(response: PluginResponse, names: RegExp): void {
  const { status, stdout, stderr, json } = response;
  assert.equal(status, 1, stdout);
  assert.equal(stderr, "");
  const { code, msg, details = "", ...others } = asObject(json);
  assert.ok(typeof code === "number" && Number.isInteger(code) && code > 0, stdout);
  assert.ok(typeof msg === "string" && msg !== "", stdout);
  assert.ok(
    Object.keys(others).every((key) => key === "cniVersion"),
    stdout,
  );
  assert.match(`${msg} ${details}`, names);
}

type Everything = { host: Snapshot; container: JsonObject[] };

/**
 * The host, and the links with their addresses in the container `c1`. host-local's lock and cursor are no change, nor
 * is what it notes about leases; the leases themselves are compared.
 */
function everything(host: Host): Everything {
  const isState = (line: string) => !/\/\.host-local\/|\/(lock|last_reserved_ip\.\d+) /.test(line);
  return {
    host: keepLines(snapshot(host), (section, line) => section !== "files" || isState(line)),
    container: ipJson(host, ["address"], "c1"),
  };
}

function assertUnchanged(host: Host, before: Everything): void {
  // The Go plugins leave bridge, veth, chains and more when they fail half-way.
  if (expectPeer) return;
  const after = everything(host);
  const changed = difference(before.host, after.host);
  assert.equal(changed, "", `changed on the host:\n${changed}`);
  assert.deepEqual(after.container, before.container, "the container is as before");
}

/** Covers /usr/sbin with a copy of it in which there is no iptables. */
function hideIptables(host: Host): void {
  const [upper, work] = [host.tempDir(), host.tempDir()];
  const layers = `lowerdir=/usr/sbin,upperdir=${upper},workdir=${work}`;
  host.run("mount", ["-t", "overlay", "-o", layers, "overlay", "/usr/sbin"]);
  const hidden = readdirSync(host.outside("/usr/sbin")).filter((name) => /^(ip6?|x)tables/.test(name));
  host.run("rm", ["-f", ...hidden.map((name) => `/usr/sbin/${name}`)]);
}
