/** macspoofchk: frames with another source MAC than the container's are dropped. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { asString, type JsonObject, objectList } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";
import { callPlugin, type PluginResponse } from "../../harness/plugins/plugin-call.ts";

const binDir = pluginFolder();
const bin = `${binDir}/bridge`;
const peer = `${ensurePeer().binDir}/bridge`;
const config: JsonObject = {
  cniVersion: "1.1.0",
  name: "net1",
  type: "bridge",
  bridge: "bridge0",
  isGateway: true,
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.2.0/24" }]] },
};
const checked = { macspoofchk: true };

function call(
  host: Host,
  command: "ADD" | "DEL" | "GC",
  container: string,
  extra: JsonObject = {},
  executable = bin,
): PluginResponse {
  const target = { containerId: container, netns: `/run/netns/${container}`, ifname: "eth0" };
  return callPlugin(host, executable, { command, path: binDir, ...target }, { ...config, ...extra });
}

function attach(host: Host, container: string, extra: JsonObject = {}, executable = bin): string {
  host.addNetns(container);
  const response = call(host, "ADD", container, extra, executable);
  assert.deepEqual([response.status, response.stderr], [0, ""], response.stdout);
  return asString(objectList(asRecord(response.json)["interfaces"])[1]?.["name"]);
}

function asRecord(value: unknown): JsonObject {
  assert.ok(typeof value === "object" && value !== null);
  return Object.fromEntries(Object.entries(value));
}

function ping(host: Host, netns: string): boolean {
  return host.inNetns(netns, "ping", ["-c1", "-W5", "10.1.2.1"], { check: false }).status === 0;
}

/** Gives the container's interface another MAC, and neighbours that do not know the old one. */
function forge(host: Host, netns: string): void {
  host.inNetns(netns, "ip", ["link", "set", "eth0", "address", "02:00:00:00:66:66"]);
  host.run("ip", ["neigh", "flush", "dev", "bridge0"]);
}

test("a forged MAC does not get through, the true one does, and others are not concerned", async (t) => {
  const host = await hostFor(t);
  attach(host, "honest", checked);
  attach(host, "forger", checked);
  attach(host, "free");
  for (const name of ["honest", "forger", "free"]) assert.ok(ping(host, name), name);
  for (const name of ["forger", "free"]) forge(host, name);
  assert.ok(!ping(host, "forger"), "forged");
  assert.ok(ping(host, "free"), "not checked");
  assert.ok(ping(host, "honest"), "true");
});

test("a person reads whose port it is; the last DEL takes the table along, with and without a namespace", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  const port = attach(host, "one", checked);
  attach(host, "two", checked);
  const listing = host.run("nft", ["list", "table", "bridge", "cni_spoof_check"]).stdout;
  for (const line of [
    `"${port}" comment "net1/one/eth0" : goto check`,
    "iifname vmap @guarded",
    "iifname . ether saddr != @senders drop",
  ]) {
    assert.ok(listing.includes(line), `${line}\nin\n${listing}`);
  }
  assert.equal(call(host, "DEL", "one", checked).status, 0);
  assert.doesNotMatch(host.run("nft", ["list", "ruleset"]).stdout, /one/);
  const gone = { containerId: "two", netns: "", ifname: "eth0", path: binDir };
  for (const _ of [1, 2]) {
    assert.equal(callPlugin(host, bin, { command: "DEL", ...gone }, { ...config, ...checked }).status, 0);
  }
  assert.equal(host.run("nft", ["list", "ruleset"]).stdout, "");
});

test("a failed ADD leaves no check, and GC takes those of lost attachments", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  host.addNetns("one");
  assert.equal(call(host, "ADD", "one", { ...checked, ipam: { type: "no-such-plugin" } }).status, 1);
  assert.equal(host.run("nft", ["list", "ruleset"]).stdout, "");
  attach(host, "stale", checked);
  assert.equal(call(host, "GC", "", { ...checked, "cni.dev/valid-attachments": [] }).status, 0);
  assert.equal(host.run("nft", ["list", "ruleset"]).stdout, "");
});

test("what the Go plugin made for the attachment is removed by DEL", async (t) => {
  const host = await hostFor(t);
  attach(host, "one", checked, peer);
  attach(host, "two", checked, peer);
  assert.match(host.run("nft", ["list", "ruleset"]).stdout, /cni-br-iface-one-eth0-mac/);
  assert.equal(call(host, "DEL", "one", checked).status, 0);
  const left = host.run("nft", ["list", "ruleset"]).stdout;
  assert.doesNotMatch(left, /one/);
  assert.match(left, /cni-br-iface-two-eth0-mac/);
  assert.ok(ping(host, "two"));
});
