/** ipMasq with nftables: what is in the ruleset, whose it is, and who removes it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { asObject, type JsonObject, objectList, parseObject } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";
import { callPlugin, callPluginAsync, type PluginResponse } from "../../harness/plugins/plugin-call.ts";
import { resultAddresses, withoutPrefix } from "../../harness/plugins/result.ts";

const binDir = pluginFolder();
const bin = `${binDir}/bridge`;
const peer = `${ensurePeer().binDir}/bridge`;
const ranges = [[{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:5::/64" }]];
const config: JsonObject = {
  cniVersion: "1.1.0",
  name: "net1",
  type: "bridge",
  bridge: "bridge0",
  isGateway: true,
  ipMasq: true,
  ipMasqBackend: "nftables",
  ipam: { type: "host-local", ranges },
};

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

function attach(host: Host, container: string, extra: JsonObject = {}, executable = bin): string[] {
  host.addNetns(container);
  const response = call(host, "ADD", container, extra, executable);
  assert.deepEqual([response.status, response.stderr], [0, ""], response.stdout);
  return resultAddresses(response.json).map(withoutPrefix);
}

function succeed({ status, stdout, stderr }: PluginResponse): void {
  assert.deepEqual([status, stdout, stderr], [0, "", ""]);
}

/** The objects of our table; none when it is not there. */
function table(host: Host, name = "cni_masquerade"): JsonObject[] {
  const done = host.run("nft", ["-j", "list", "table", "inet", name], { check: false });
  return done.status === 0 ? objectList(parseObject(done.stdout)["nftables"]) : [];
}

/** `ADDRESS COMMENT` of each element, sorted. */
function elements(host: Host): string[] {
  const found: string[] = [];
  for (const { map } of table(host)) {
    if (map === undefined) continue;
    for (const entry of Array.isArray(asObject(map)["elem"]) ? Array(asObject(map)["elem"]).flat() : []) {
      const [key] = Array.isArray(entry) ? entry : [];
      const elem = asObject(asObject(key)["elem"]);
      found.push(`${elem["val"]} ${elem["comment"]}`);
    }
  }
  return found.sort();
}

function chains(host: Host): unknown[] {
  return table(host).flatMap(({ chain }) => (chain === undefined ? [] : [asObject(chain)["name"]]));
}

test("containers are elements with their owner, chains are the subnets'; the last one takes the table along", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  attach(host, "one");
  attach(host, "two");
  assert.deepEqual(elements(host), [
    "10.1.2.2 net1/one/eth0",
    "10.1.2.3 net1/two/eth0",
    "2001:db8:5::2 net1/one/eth0",
    "2001:db8:5::3 net1/two/eth0",
  ]);
  assert.deepEqual(chains(host), ["postrouting", "leaving-10.1.2.0/24", "leaving-2001_db8_5__/64"]);
  const rules = table(host).filter(({ rule }) => rule !== undefined).length;
  attach(host, "three");
  assert.equal(table(host).filter(({ rule }) => rule !== undefined).length, rules, "no rule for a container");
  for (const name of ["one", "three"]) succeed(call(host, "DEL", name));
  assert.deepEqual(elements(host), ["10.1.2.3 net1/two/eth0", "2001:db8:5::3 net1/two/eth0"]);
  succeed(call(host, "DEL", "two"));
  succeed(call(host, "DEL", "two"));
  assert.equal(host.run("nft", ["list", "ruleset"]).stdout, "");
});

test("a person reads the ruleset", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  attach(host, "one");
  const listing = host.run("nft", ["list", "table", "inet", "cni_masquerade"]).stdout;
  for (const line of [
    'comment "CNI bridge plugin: source translation for containers (ipMasq)"',
    "type nat hook postrouting priority srcnat; policy accept;",
    "ip daddr 224.0.0.0/4 return",
    "ip daddr 255.255.255.255 return",
    "ip saddr vmap @sources4",
    'elements = { 10.1.2.2 comment "net1/one/eth0" : goto leaving-10.1.2.0/24 }',
    "ip daddr != 10.1.2.0/24 masquerade",
    "ip6 daddr != 2001:db8:5::/64 masquerade",
  ]) {
    assert.ok(listing.includes(line), `${line}\nin\n${listing}`);
  }
});

test("what the Go plugin made is removed by DEL and GC, and nothing else of it", async (t) => {
  const host = await hostFor(t);
  for (const name of ["one", "two", "three"]) attach(host, name, {}, peer);
  const other = { name: "net2", bridge: "bridge1", ipam: { type: "host-local", subnet: "10.7.0.0/24" } };
  attach(host, "other", other, peer);
  const left = () =>
    table(host, "cni_plugins_masquerade").flatMap(({ rule }) => {
      const [, name] = /id: (\w+)$/.exec(String(asObject(rule ?? {})["comment"])) ?? [];
      return name === undefined ? [] : [name];
    });
  assert.deepEqual(left(), ["one", "one", "two", "two", "three", "three", "other"]);
  succeed(call(host, "DEL", "one"));
  assert.deepEqual(left(), ["two", "two", "three", "three", "other"]);
  if (expectPeer) return;
  succeed(call(host, "GC", "", { "cni.dev/valid-attachments": [{ containerID: "three", ifname: "eth0" }] }));
  assert.deepEqual(left(), ["three", "three", "other"]);
});

test("GC removes the elements of attachments that are not listed", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  for (const name of ["live", "stale"]) attach(host, name);
  attach(host, "other", {
    name: "net2",
    ipam: { type: "host-local", subnet: "10.7.0.0/24" },
    bridge: "bridge1",
  });
  succeed(call(host, "GC", "", { "cni.dev/valid-attachments": [{ containerID: "live", ifname: "eth0" }] }));
  assert.deepEqual(elements(host), [
    "10.1.2.2 net1/live/eth0",
    "10.7.0.2 net2/other/eth0",
    "2001:db8:5::2 net1/live/eth0",
  ]);
});

test("an address that has another owner by now stays his when the last owner's DEL comes late", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  const addresses = attach(host, "first");
  host.run("rm", ["-rf", "/var/lib/cni/networks"]);
  host.delNetns("first");
  attach(host, "second", { args: { cni: { ips: addresses } } });
  const taken = addresses.map((address) => `${address} net1/second/eth0`).sort();
  assert.deepEqual(elements(host), taken);
  succeed(call(host, "DEL", "first"));
  assert.deepEqual(elements(host), taken);
});

test("without a namespace, after a flush, twice: DEL works and leaves nothing", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  attach(host, "one");
  attach(host, "two");
  host.run("nft", ["flush", "ruleset"]);
  for (const name of ["one", "two"]) {
    const target = { containerId: name, netns: "", ifname: "eth0", path: binDir };
    for (const _ of [1, 2]) succeed(callPlugin(host, bin, { command: "DEL", ...target }, config));
  }
  assert.equal(host.run("nft", ["list", "ruleset"]).stdout, "");
  attach(host, "three");
  assert.equal(elements(host).length, 2, "and the next ADD makes the table again");
});

test("thirty ADDs and thirty DELs at once", async (t) => {
  const host = await hostFor(t);
  const names = Array.from({ length: 30 }, (_, index) => `p${index}`);
  for (const name of names) host.addNetns(name);
  const each = (command: "ADD" | "DEL") =>
    Promise.all(
      names.map((name) => {
        const target = { containerId: name, netns: `/run/netns/${name}`, ifname: "eth0", path: binDir };
        return callPluginAsync(host, bin, { command, ...target }, config);
      }),
    );
  const added = await each("ADD");
  assert.deepEqual(
    added.map(({ status, stdout }) => (status === 0 ? "" : stdout)),
    names.map(() => ""),
  );
  if (!expectPeer) assert.equal(elements(host).length, 60);
  for (const { status, stdout } of await each("DEL")) assert.deepEqual([status, stdout], [0, ""]);
  if (!expectPeer) assert.equal(host.run("nft", ["list", "ruleset"]).stdout, "");
});
