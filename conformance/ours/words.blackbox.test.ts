/** Errors say what is wrong and what helps, and blame nobody else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostFor } from "../harness/host/host.ts";
import { asObject, asString, type JsonObject } from "../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../harness/plugins/binaries.ts";
import { type Command, callPlugin, pluginEnvironment } from "../harness/plugins/plugin-call.ts";

const ours = pluginFolder();
const skip = expectPeer ? "the Go plugins have other words" : false;
const call = { containerId: "c1", netns: "/run/netns/c1", ifname: "eth0" };
const ipam = { type: "host-local", subnet: "10.1.2.0/24" };
const bridge: JsonObject = {
  cniVersion: "1.0.0",
  name: "net1",
  type: "bridge",
  bridge: "br0",
  isGateway: true,
  ipMasq: true,
  ipam,
};

function said(done: { status: number | null; stdout: string; json?: unknown }): {
  msg: string;
  details: string;
} {
  assert.equal(done.status, 1, done.stdout);
  const { msg, details = "" } = asObject(done.json ?? JSON.parse(done.stdout));
  return { msg: asString(msg), details: asString(details) };
}

test("a byte order mark is named", { skip }, async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const text = `\ufeff${JSON.stringify(bridge)}`;
  const { msg } = said(callPlugin(host, `${ours}/bridge`, { command: "ADD", ...call }, text));
  assert.match(msg, /it begins with a byte order mark/);
});

test("after a flush CHECK names reapply", { skip }, async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const run = (plugin: string, command: Command, config: JsonObject) =>
    callPlugin(host, `${ours}/${plugin}`, { command, ...call }, { ...bridge, ...config, type: plugin });
  const added = run("bridge", "ADD", {});
  assert.equal(added.status, 0, added.stdout);
  const prevResult = added.json;
  const runtimeConfig = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] };
  for (const backend of ["iptables", "nftables"]) {
    for (const plugin of ["portmap", "firewall"])
      assert.equal(run(plugin, "ADD", { prevResult, runtimeConfig, backend }).status, 0, plugin);
    host.run("nft", ["flush", "ruleset"]);
    for (const table of ["nat", "filter"]) host.run("iptables", ["-t", table, "-F"]);
    for (const plugin of ["bridge", "portmap", "firewall"]) {
      const { details } = said(run(plugin, "CHECK", { prevResult, runtimeConfig, backend }));
      assert.ok(details.includes(`${plugin} reapply`), `${plugin}: ${details}`);
    }
  }
});

test("a mark chain that one family lacks: the program that lacks it", { skip }, async (t) => {
  const host = await hostFor(t);
  for (const [has, lacks] of [
    ["iptables", "ip6tables"],
    ["ip6tables", "iptables"],
  ] as const) {
    host.run("iptables", ["-t", "nat", "-F"]);
    for (const tool of ["iptables", "ip6tables"])
      host.run(tool, ["-t", "nat", "-X", "THEIRS"], { check: false });
    host.run(has, ["-t", "nat", "-N", "THEIRS"]);
    const config = {
      ...{
        cniVersion: "1.0.0",
        name: "net1",
        type: "portmap",
        externalSetMarkChain: "THEIRS",
        backend: "iptables",
      },
      runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
      prevResult: { cniVersion: "1.0.0", ips: [{ address: "10.1.2.3/24" }, { address: "2001:db8::3/64" }] },
    };
    const { msg } = said(callPlugin(host, `${ours}/portmap`, { command: "ADD", ...call }, config));
    assert.equal(msg, `externalSetMarkChain: chain THEIRS not found in table nat of ${lacks}`);
  }
});

test("where /proc is missing CNI_NETNS is not blamed", { skip }, async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const bin = `${ours}/loopback`;
  const env = pluginEnvironment(bin, { command: "ADD", ...call });
  const input = JSON.stringify({ cniVersion: "1.0.0", name: "lo", type: "loopback" });
  const hide = `mount -t tmpfs none /proc && exec ${bin}`;
  const done = host.run("unshare", ["--mount", "sh", "-c", hide], { env, input, check: false });
  const { msg, details } = said(done);
  assert.ok(!`${msg} ${details}`.includes("CNI_NETNS"), `${msg}: ${details}`);
  assert.match(`${msg} ${details}`, /\/proc/);
});

test("host-local: an IPv4 subnet in IPv6's form is refused as by Go, one lease is one", {
  skip,
}, async (t) => {
  const host = await hostFor(t);
  const add = (subnet: string, containerId = "c1") =>
    callPlugin(
      host,
      `${ours}/host-local`,
      { command: "ADD", ...call, containerId },
      { ...bridge, ipam: { ...ipam, subnet } },
    );
  for (const [subnet, right] of [
    ["::ffff:10.0.0.0/120", "10.0.0.0/24"],
    ["::ffff:10.0.0.0/104", "10.0.0.0/8"],
  ] as const)
    assert.match(said(add(subnet)).msg, new RegExp(`${subnet} is IPv4 in the form of IPv6: write ${right}$`));
  assert.equal(add("10.1.0.1/32").status, 0);
  assert.match(
    said(add("10.1.0.1/32", "c2")).details,
    /^its only address is held; the oldest lease is 10\.1\.0\.1/,
  );
});

test("a version that has no room for layer 2: the first that has is named", { skip }, async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const config = { ...bridge, cniVersion: "0.2.0", ipam: {}, ipMasq: false, isGateway: false };
  assert.match(
    said(callPlugin(host, `${ours}/bridge`, { command: "ADD", ...call }, config)).details,
    /use cniVersion 0\.3\.0 or later/,
  );
  assert.equal(
    callPlugin(host, `${ours}/bridge`, { command: "ADD", ...call }, { ...config, cniVersion: "0.3.0" })
      .status,
    0,
  );
});
