/** Hosts on which /proc/sys cannot be written, or IPv6 is switched off. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../harness/host/host.ts";
import { asObject, type JsonObject } from "../harness/host/json.ts";
import { snapshot } from "../harness/host/snapshot.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { assertNothingLeft } from "../harness/plugins/leaks.ts";
import { type Command, callPlugin, type PluginResponse } from "../harness/plugins/plugin-call.ts";

const names = { containerId: "c1", netns: "/run/netns/c1", ifname: "eth0" };
const dualStack = {
  type: "host-local",
  ranges: [[{ subnet: "10.9.0.0/24" }], [{ subnet: "2001:db8:9::/64" }]],
};
const bridge = { type: "bridge", bridge: "br0", isDefaultGateway: true, ipam: dualStack };

function call(host: Host, command: Command, keys: JsonObject): PluginResponse {
  const bin = `${pluginFolder()}/${String(keys["type"])}`;
  return callPlugin(host, bin, { command, ...names }, { cniVersion: "1.0.0", name: "net", ...keys });
}

function succeed(response: PluginResponse): JsonObject {
  assert.equal(response.status, 0, response.stdout + response.stderr);
  return response.stdout === "" ? {} : asObject(response.json);
}

function detailsOf(response: PluginResponse): string {
  assert.equal(response.status, 1, response.stdout + response.stderr);
  return String(asObject(response.json)["details"]);
}

function setSysctl(host: Host, key: string, value: string): void {
  host.run("sh", ["-c", `echo ${value} > /proc/sys/${key}`]);
}

function makeReadOnly(host: Host): void {
  host.run("mount", ["-o", "bind,ro", "/proc/sys", "/proc/sys"]);
}

function routedContainer(host: Host): JsonObject {
  host.addNetns("c1");
  host.run("ip", ["link", "add", "cni0", "type", "bridge"]);
  host.run("ip", ["address", "add", "10.0.0.1/24", "dev", "cni0"]);
  host.run("ip", ["link", "set", "cni0", "up"]);
  return {
    type: "portmap",
    runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
    prevResult: { cniVersion: "1.0.0", interfaces: [{ name: "cni0" }], ips: [{ address: "10.0.0.2/24" }] },
  };
}

for (const backend of ["iptables", "nftables"]) {
  test(`${backend}: route_localnet of "all" is enough where /proc/sys cannot be written`, async (t) => {
    const host = await hostFor(t);
    const portmap = { ...routedContainer(host), backend };
    setSysctl(host, "net/ipv4/conf/all/route_localnet", "1");
    makeReadOnly(host);
    succeed(call(host, "ADD", portmap));
    succeed(call(host, "CHECK", portmap));
    succeed(call(host, "DEL", portmap));
  });

  test(`${backend}: where it is not, the key to preset is named`, async (t) => {
    const host = await hostFor(t);
    const portmap = { ...routedContainer(host), backend };
    makeReadOnly(host);
    const details = detailsOf(call(host, "ADD", portmap));
    assert.match(details, /sysctl -w net\/ipv4\/conf\/cni0\/route_localnet=1.*"snat": false/);
    assert.doesNotMatch(details, /as root/);
    succeed(call(host, "ADD", { ...portmap, snat: false }));
  });
}

test("forwarding that is off where /proc/sys cannot be written: the key to preset is named", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  setSysctl(host, "net/ipv4/ip_forward", "0");
  makeReadOnly(host);
  const before = snapshot(host);
  assert.match(detailsOf(call(host, "ADD", bridge)), /sysctl -w net\/ipv4\/ip_forward=1/);
  assertNothingLeft(host, before, "br0", "after a failed ADD");
});

for (const place of ["all", "default"]) {
  test(`IPv6 off for "${place}" links of the host: a bridge that is a gateway has it`, async (t) => {
    const host = await hostFor(t);
    host.addNetns("c1");
    setSysctl(host, `net/ipv6/conf/${place}/disable_ipv6`, "1");
    succeed(call(host, "ADD", bridge));
    host.run("ping", ["-6", "-c", "1", "-W", "5", "2001:db8:9::1"], { netns: "c1" });
    host.run("ping", ["-4", "-c", "1", "-W", "5", "10.9.0.1"], { netns: "c1" });
    const others = host.run("cat", [`/proc/sys/net/ipv6/conf/${place}/disable_ipv6`]).stdout;
    assert.equal(others, "1\n", "others keep it off");
    succeed(call(host, "DEL", bridge));
  });
}

test("IPv6 off on the bridge alone stays off, and the key is named", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  host.run("ip", ["link", "add", "br0", "type", "bridge"]);
  setSysctl(host, "net/ipv6/conf/br0/disable_ipv6", "1");
  const before = snapshot(host);
  const details = detailsOf(call(host, "ADD", bridge));
  assert.match(details, /IPv6 is switched off on br0.*net\/ipv6\/conf\/br0\/disable_ipv6=0/);
  assert.doesNotMatch(details, /as root/);
  assertNothingLeft(host, before, "br0", "after a failed ADD");
});

test("IPv6 off where /proc/sys cannot be written: the key is named", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  setSysctl(host, "net/ipv6/conf/all/disable_ipv6", "1");
  for (const key of ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"]) setSysctl(host, key, "1");
  makeReadOnly(host);
  const details = detailsOf(call(host, "ADD", bridge));
  assert.match(details, /net\/ipv6\/conf\/br0\/disable_ipv6=0/);
  assert.doesNotMatch(details, /as root/);
});
