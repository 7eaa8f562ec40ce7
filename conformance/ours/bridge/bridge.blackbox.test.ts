import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { ipJson, iptablesSave, leases, sysctls } from "../../harness/host/inspect.ts";
import { asObject, asString, type JsonObject, objectList } from "../../harness/host/json.ts";
import { difference, snapshot } from "../../harness/host/snapshot.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { assertNothingLeft } from "../../harness/plugins/leaks.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";
import { callPlugin, callPluginAsync, type PluginResponse } from "../../harness/plugins/plugin-call.ts";
import { firstAddress, resultAddresses } from "../../harness/plugins/result.ts";

const binDir = pluginFolder();
const bin = `${binDir}/bridge`;
const peer = `${ensurePeer().binDir}/bridge`;

const v4 = [{ subnet: "10.1.2.0/24" }];
const v6 = [{ subnet: "2001:db8:5::/64" }];

function config(extra: JsonObject = {}, ranges: unknown = [v4]): JsonObject {
  const ipam = { type: "host-local", ranges };
  return { cniVersion: "1.0.0", name: "net1", type: "bridge", bridge: "bridge0", ipam, ...extra };
}

function add(host: Host, conf: JsonObject, container = "c1", executable = bin): PluginResponse {
  const netns = `/run/netns/${container}`;
  return callPlugin(
    host,
    executable,
    { command: "ADD", containerId: container, netns, ifname: "eth0", path: binDir },
    conf,
  );
}

function del(host: Host, conf: JsonObject, container = "c1", netns = `/run/netns/${container}`): void {
  const call = { command: "DEL", containerId: container, netns, ifname: "eth0", path: binDir } as const;
  const { status, stdout, stderr } = callPlugin(host, bin, call, conf);
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: "", stderr: "" });
}

function added(response: PluginResponse): JsonObject {
  assert.equal(response.stderr, "");
  assert.equal(response.status, 0, response.stdout);
  return asObject(response.json);
}

function failed(response: PluginResponse): { code: unknown; msg: string } {
  assert.equal(response.status, 1, response.stdout);
  assert.equal(response.stderr, "");
  const { code, msg } = asObject(response.json);
  return { code, msg: asString(msg) };
}

function link(host: Host, name: string, netns?: string): JsonObject {
  const [found] = ipJson(host, ["-d", "link", "show", "dev", name], netns);
  assert.ok(found, `link ${name}`);
  return found;
}

function addresses(host: Host, name: string, netns?: string): string[] {
  const [found] = ipJson(host, ["address", "show", "dev", name], netns);
  return objectList(asObject(found)["addr_info"])
    .filter((address) => address["scope"] === "global")
    .map((address) => `${address["local"]}/${address["prefixlen"]}`);
}

function portData(host: Host, result: JsonObject): JsonObject {
  const name = asString(objectList(result["interfaces"])[1]?.["name"]);
  const shown = link(host, name);
  assert.equal(shown["master"], "bridge0");
  return asObject(asObject(shown["linkinfo"])["info_slave_data"]);
}

test("IPv4: addresses, default route, bridge and port are as the result says", async (t) => {
  const host = await hostFor(t);
  const netns = host.addNetns("c1");
  const result = added(add(host, config({ isDefaultGateway: true, mtu: 1400 })));

  const [bridge, port, container] = objectList(result["interfaces"]);
  assert.deepEqual(
    [bridge?.["name"], container?.["name"], container?.["sandbox"]],
    ["bridge0", "eth0", netns],
  );
  assert.match(asString(port?.["name"]), /^veth[0-9a-f]{8}$/);
  assert.equal(link(host, "bridge0")["address"], bridge?.["mac"]);
  assert.equal(link(host, asString(port?.["name"]))["address"], port?.["mac"]);
  assert.equal(link(host, "eth0", "c1")["address"], container?.["mac"]);
  assert.notEqual(bridge?.["mac"], port?.["mac"]);
  for (const [name, place] of [["bridge0"], [asString(port?.["name"])], ["eth0", "c1"]] as const) {
    assert.equal(link(host, name, place)["mtu"], 1400, name);
    assert.equal(link(host, name, place)["operstate"], "UP", name);
  }
  assert.deepEqual(addresses(host, "bridge0"), ["10.1.2.1/24"]);
  assert.deepEqual(addresses(host, "eth0", "c1"), ["10.1.2.2/24"]);
  assert.deepEqual(resultAddresses(result), ["10.1.2.2/24"]);
  const [route] = ipJson(host, ["route", "show", "default"], "c1");
  assert.deepEqual([route?.["gateway"], route?.["dev"], route?.["prefsrc"]], ["10.1.2.1", "eth0", undefined]);
  assert.deepEqual(result["routes"], [{ dst: "0.0.0.0/0", gw: "10.1.2.1" }]);
  assert.deepEqual(sysctls(host, ["net/ipv4/ip_forward"]), ["1"]);
  host.inNetns("c1", "ping", ["-c1", "-W30", "10.1.2.1"]);
});

test("dual stack: the container is reached at once by both families", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const result = added(add(host, config({ isDefaultGateway: true }, [v4, v6])));
  assert.deepEqual(resultAddresses(result), ["10.1.2.2/24", "2001:db8:5::2/64"]);
  assert.deepEqual(addresses(host, "eth0", "c1"), ["10.1.2.2/24", "2001:db8:5::2/64"]);
  assert.deepEqual(addresses(host, "bridge0"), ["10.1.2.1/24", "2001:db8:5::1/64"]);
  host.run("ping", ["-c1", "-W30", "10.1.2.2"]);
  host.run("ping", ["-c1", "-W30", "2001:db8:5::2"]);
  assert.deepEqual(sysctls(host, ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"]), ["1", "1"]);
});

for (const version of ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
  test(`${version}: ADD, CHECK where there is one, DEL twice`, async (t) => {
    const host = await hostFor(t);
    const netns = host.addNetns("c1");
    const conf = config({ cniVersion: version, isGateway: true, ipMasq: true }, [v4, v6]);
    const before = snapshot(host);
    const result = added(add(host, conf));
    assert.equal(result["cniVersion"], version);
    assert.deepEqual(resultAddresses(result), ["10.1.2.2/24", "2001:db8:5::2/64"]);
    if (version >= "0.4.0") {
      const call = { command: "CHECK", containerId: "c1", netns, ifname: "eth0", path: binDir } as const;
      const checked = callPlugin(host, bin, call, { ...conf, prevResult: result });
      assert.deepEqual([checked.status, checked.stdout, checked.stderr], [0, "", ""]);
    }
    for (const when of ["after DEL", "after the second DEL"]) {
      del(host, conf);
      assertNothingLeft(host, before, "bridge0", when);
    }
  });
}

test("layer 2: a port without addresses; the oldest versions cannot say it and change nothing", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const conf = { cniVersion: "0.4.0", name: "net1", type: "bridge", bridge: "bridge0" };
  if (!expectPeer) {
    const before = snapshot(host);
    assert.match(failed(add(host, { ...conf, cniVersion: "0.2.0" })).msg, /0\.2\.0/);
    assert.equal(difference(before, snapshot(host)), "");
  }
  const result = added(add(host, conf));
  assert.deepEqual([result["ips"], result["dns"]], [undefined, {}]);
  assert.equal(link(host, "eth0", "c1")["operstate"], "UP");
  del(host, conf);
  assert.deepEqual(ipJson(host, ["link", "show", "type", "veth"], "c1"), []);
});

test("hairpin, isolation and promiscuous mode are set as asked", async (t) => {
  const host = await hostFor(t);
  for (const name of ["c1", "c2", "c3"]) host.addNetns(name);
  const plain = portData(host, added(add(host, config())));
  assert.deepEqual([plain["hairpin"], plain["isolated"]], [false, false]);
  const set = portData(host, added(add(host, config({ hairpinMode: true, portIsolation: true }), "c2")));
  assert.deepEqual([set["hairpin"], set["isolated"]], [true, true]);
  assert.equal(link(host, "bridge0")["promiscuity"], 0);
  added(add(host, config({ promiscMode: true }), "c3"));
  assert.equal(link(host, "bridge0")["promiscuity"], 1);
});

test("the container gets the MAC that was asked for, from the strongest source", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const conf = config({
    args: { cni: { mac: "02:00:00:00:00:02" } },
    RuntimeConfig: { mac: "02:00:00:00:00:03" },
  });
  added(add(host, conf));
  assert.equal(link(host, "eth0", "c1")["address"], "02:00:00:00:00:03");
});

for (const ranges of [[v4], [v6]])
  test(`an existing bridge keeps its index, MTU and MAC: ${ranges[0]?.[0]?.subnet}`, async (t) => {
    const host = await hostFor(t);
    host.addNetns("c1");
    host.run("ip", ["link", "add", "bridge0", "type", "bridge"]);
    host.run("ip", ["link", "set", "bridge0", "mtu", "1300"]);
    const before = link(host, "bridge0");
    const conf = config({ isGateway: true });
    added(add(host, conf));
    del(host, conf);
    const after = link(host, "bridge0");
    for (const key of ["ifindex", "mtu", "address"]) assert.equal(after[key], before[key], key);
  });

test("an MTU above the bridge's is refused in words, unless the bridge can follow", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  for (const name of ["c1", "c2", "c3"]) host.addNetns(name);
  added(add(host, config(), "c1"));
  const before = snapshot(host);
  assert.match(
    failed(add(host, config({ mtu: 9000 }), "c2")).msg,
    /mtu 9000 is above the 1500 of bridge "bridge0"/,
  );
  assert.equal(difference(before, snapshot(host)), "");
  del(host, config(), "c1");
  added(add(host, config({ mtu: 9000 }), "c3"));
  assert.equal(link(host, "bridge0")["mtu"], 9000);
});

test("another address on the bridge is refused in words, and replaced with forceAddress", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  host.run("ip", ["link", "add", "bridge0", "type", "bridge"]);
  host.run("ip", ["address", "add", "10.9.0.1/16", "dev", "bridge0"]);
  const before = snapshot(host);
  const { msg } = failed(add(host, config({ isGateway: true })));
  assert.match(msg, /"bridge0" already has an IP address different from 10\.1\.2\.1\/24/);
  if (!expectPeer) assertNothingLeft(host, before, "bridge0", "after the refused ADD");
  assert.deepEqual(addresses(host, "bridge0"), ["10.9.0.1/16"]);
  if (expectPeer) del(host, config());
  added(add(host, config({ isGateway: true, forceAddress: true })));
  assert.deepEqual(addresses(host, "bridge0"), ["10.1.2.1/24"]);
});

test("IPv6: an address of an overlapping subnet is refused or replaced, another one stays beside", async (t) => {
  const wide = [[{ subnet: "2001:db8:1:2::/64" }]];
  const host = await hostFor(t);
  for (const name of ["c1", "c2", "c3"]) host.addNetns(name);
  host.run("ip", ["link", "add", "bridge0", "type", "bridge"]);
  host.run("ip", ["address", "add", "2001:db8:1::1/48", "dev", "bridge0", "nodad"]);
  const { msg } = failed(add(host, config({ isGateway: true }, wide)));
  assert.match(msg, /already has an IP address different from 2001:db8:1:2::1\/64/);
  assert.deepEqual(addresses(host, "bridge0"), ["2001:db8:1::1/48"]);
  added(add(host, config({ isGateway: true, forceAddress: true }, wide), "c2"));
  assert.deepEqual(addresses(host, "bridge0"), ["2001:db8:1:2::1/64"]);
  added(add(host, config({ isGateway: true, forceAddress: true }, [v6]), "c3"));
  assert.deepEqual(addresses(host, "bridge0").sort(), ["2001:db8:1:2::1/64", "2001:db8:5::1/64"]);
});

test("masquerade rules are the Go plugin's and one for broadcasts, for both families and several addresses", async (t) => {
  const ranges = [[{ subnet: "10.1.2.0/24" }], [{ subnet: "10.3.0.0/16" }], v6];
  const conf = config({ ipMasq: true, ipMasqBackend: "iptables" }, ranges);
  const saved: string[][] = [];
  for (const executable of [peer, bin]) {
    const host = await hostFor(t);
    host.addNetns("c1");
    added(add(host, conf, "c1", executable));
    saved.push([...iptablesSave(host, "ipv4", "nat"), ...iptablesSave(host, "ipv6", "nat")]);
  }
  const [theirs = [], own = []] = saved;
  assert.equal(theirs.length, 10);
  // They differ in the order too: what stays comes before what is masqueraded.
  const isOfGo = (line: string) => !line.includes(" -d 255.255.255.255/32 ");
  assert.deepEqual(own.filter(isOfGo).toSorted(), theirs.toSorted());
  assert.equal(own.length, expectPeer ? 10 : 11);
});

test("DEL without a namespace and without a previous result removes link, rules and lease", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const conf = config({ isGateway: true, ipMasq: true }, [v4, v6]);
  const before = snapshot(host);
  added(add(host, conf));
  if (expectPeer) return;
  del(host, conf, "c1", "");
  assert.deepEqual(ipJson(host, ["link", "show", "type", "veth"], "c1"), []);
  assertNothingLeft(host, before, "bridge0", "after DEL");
});

test("two interfaces of one container on one network: DEL of one leaves the other working", async (t) => {
  const host = await hostFor(t);
  const netns = host.addNetns("c1");
  const conf = config({ isGateway: true, ipMasq: true });
  added(add(host, conf));
  const call = { containerId: "c1", netns, ifname: "eth1", path: binDir };
  const second = firstAddress(added(callPlugin(host, bin, { command: "ADD", ...call }, conf)));
  if (expectPeer) return;
  del(host, conf);
  const rules = iptablesSave(host, "ipv4", "nat").join("\n");
  assert.match(rules, new RegExp(`-A POSTROUTING -s ${second}/32 `));
  assert.match(rules, /MASQUERADE/);
  assert.deepEqual(
    leases(host, "net1").map(({ ifname }) => ifname),
    ["eth1"],
  );
  callPlugin(host, bin, { command: "DEL", ...call }, conf);
  assert.doesNotMatch(iptablesSave(host, "ipv4", "nat").join("\n"), /CNI-/);
});

test("a failed ADD takes back what it made: the bridge it made, but not one that others use", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  for (const name of ["c1", "c2"]) host.addNetns(name);
  const empty = snapshot(host);
  const full = [[{ subnet: "10.1.2.0/30" }]];
  const missing = { ipam: { type: "no-such-ipam" } };
  assert.match(failed(add(host, config(missing))).msg, /failed to find plugin "no-such-ipam" in path \[/);
  assert.equal(difference(empty, snapshot(host)), "");
  added(add(host, config({ isGateway: true, ipMasq: true }, full), "c2"));
  const used = snapshot(host);
  assert.match(
    failed(add(host, config({ isGateway: true, ipMasq: true }, full))).msg,
    /no IP addresses available/,
  );
  assert.equal(difference(used, snapshot(host)), "");
  assert.match(failed(add(host, config(), "c2")).msg, /"eth0"\) already exists/);
  assert.equal(difference(used, snapshot(host)), "");
});

test("a bridge that has all the ports it can have is told in words", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  host.addNetns("c1");
  host.run("ip", ["link", "add", "bridge0", "type", "bridge"]);
  // linux/if_bridge.h: 1 << 10 ports, of which number 0 is not used.
  const ports = Array.from({ length: 512 }, (_, index) => [
    `link add a${index} master bridge0 type veth peer name b${index}`,
    `link set b${index} master bridge0`,
  ]).flat();
  host.run("ip", ["-batch", "-"], { input: ports.slice(0, 1023).join("\n") });
  const before = snapshot(host);
  const response = add(host, config());
  assert.match(failed(response).msg, /failed to connect .* to bridge bridge0: .*EXFULL/);
  assert.match(asString(asObject(response.json)["details"]), /at most 1024 ports: use another bridge/);
  assert.equal(difference(before, snapshot(host)), "");
});

test("64 first ADDs at once on one bridge all work, and 64 DELs leave nothing", async (t) => {
  const host = await hostFor(t);
  const conf = config({ isDefaultGateway: true, ipMasq: true }, [v4, v6]);
  const containers = Array.from({ length: 64 }, (_, index) => `p${index}`);
  for (const name of containers) host.addNetns(name);
  const before = snapshot(host);
  const call = (command: "ADD" | "DEL", name: string): Promise<PluginResponse> =>
    callPluginAsync(
      host,
      bin,
      { command, containerId: name, netns: `/run/netns/${name}`, ifname: "eth0", path: binDir },
      conf,
    );
  const results = await Promise.all(containers.map((name) => call("ADD", name)));
  const given = results.map((response) => firstAddress(added(response)));
  assert.equal(new Set(given).size, containers.length);
  assert.deepEqual(addresses(host, "bridge0"), ["10.1.2.1/24", "2001:db8:5::1/64"]);
  for (const name of [containers[0], containers.at(-1)]) {
    host.inNetns(asString(name), "ping", ["-c1", "-W30", "10.1.2.1"]);
  }
  const ends = await Promise.all(containers.map((name) => call("DEL", name)));
  assert.deepEqual(
    ends.map(({ status, stdout }) => `${status}${stdout}`),
    containers.map(() => "0"),
  );
  assertNothingLeft(host, before, "bridge0", "after all DELs");
});

test("ADDs while somebody removes the bridge again and again: each works, or says to try again", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  const conf = config({ isGateway: true, ipMasq: true });
  const containers = Array.from({ length: 12 }, (_, index) => `r${index}`);
  for (const name of containers) host.addNetns(name);
  const before = snapshot(host);
  let open = containers.length;
  const results: PluginResponse[] = [];
  const adding = containers.map(async (name) => {
    const netns = `/run/netns/${name}`;
    const call = { command: "ADD", containerId: name, netns, ifname: "eth0", path: binDir } as const;
    results.push(await callPluginAsync(host, bin, call, conf));
    open--;
  });
  let removed = 0;
  while (open > 0) {
    const { status } = await host.runAsync("ip", ["link", "del", "bridge0"], { check: false });
    if (status === 0) removed++;
  }
  await Promise.all(adding);
  assert.ok(removed > 0, "the bridge was there to be removed");
  for (const response of results) {
    if (response.status === 0) continue;
    const { code, msg } = failed(response);
    assert.equal(code, 11, msg);
  }
  for (const name of containers) del(host, conf, name);
  assertNothingLeft(host, before, "bridge0", "after all DELs");
});

test("GC removes the links, rules and leases of attachments that are not listed, and only those", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  const conf = config({ cniVersion: "1.1.0", isGateway: true, ipMasq: true });
  for (const name of ["live", "stale"]) {
    host.addNetns(name);
    added(add(host, conf, name));
  }
  host.addNetns("other");
  const otherNet = { ...conf, name: "net2", ipam: { type: "host-local", subnet: "10.1.2.128/25" } };
  added(add(host, { ...otherNet, isGateway: false }, "other"));
  const valid = [{ containerID: "live", ifname: "eth0" }];
  const call = { command: "GC", path: binDir } as const;
  const collected = callPlugin(host, bin, call, { ...conf, "cni.dev/valid-attachments": valid });
  assert.deepEqual([collected.status, collected.stdout, collected.stderr], [0, "", ""]);
  assert.deepEqual(ipJson(host, ["link", "show", "type", "veth"], "stale"), []);
  assert.equal(ipJson(host, ["link", "show", "type", "veth"]).length, 2);
  assert.deepEqual(
    leases(host, "net1").map(({ containerId }) => containerId),
    ["live"],
  );
  assert.deepEqual(
    leases(host, "net2").map(({ containerId }) => containerId),
    ["other"],
  );
  const jumps = iptablesSave(host, "ipv4", "nat").filter((rule) => rule.includes("-A POSTROUTING"));
  assert.equal(jumps.length, 2);
});

test("STATUS tells whether ADD would work", async (t) => {
  if (expectPeer) return;
  const host = await hostFor(t);
  const conf = config({ cniVersion: "1.1.0", ipMasq: true });
  const ready = callPlugin(host, bin, { command: "STATUS", path: binDir }, conf);
  assert.deepEqual([ready.status, ready.stdout, ready.stderr], [0, "", ""]);
  host.run("ip", ["link", "add", "bridge0", "type", "veth", "peer", "name", "peer0"]);
  const call = { command: "STATUS", path: binDir } as const;
  assert.deepEqual(failed(callPlugin(host, bin, call, conf)), {
    code: 50,
    msg: '"bridge0" already exists but is not a bridge',
  });
});

for (const [backend, flush] of [
  ["iptables", ["iptables", "-t", "nat", "-F", "POSTROUTING"]],
  ["nftables", ["nft", "flush", "ruleset"]],
] as const) {
  test(`CHECK says that masquerade rules were flushed (${backend})`, async (t) => {
    if (expectPeer) return;
    const host = await hostFor(t);
    const netns = host.addNetns("c1");
    const conf = config({ ipMasq: true, ipMasqBackend: backend });
    const prevResult = added(add(host, conf));
    const call = { command: "CHECK", containerId: "c1", netns, ifname: "eth0", path: binDir } as const;
    assert.equal(callPlugin(host, bin, call, { ...conf, prevResult }).status, 0);
    const [command, ...args] = flush;
    host.run(command, args);
    const { code, msg } = failed(callPlugin(host, bin, call, { ...conf, prevResult }));
    assert.deepEqual([code, msg], [105, "ipMasq: nothing masquerades 10.1.2.2/24"]);
  });
}

test("CHECK names what is different", async (t) => {
  const host = await hostFor(t);
  const netns = host.addNetns("c1");
  const conf = config({ cniVersion: "1.0.0", isDefaultGateway: true });
  const prevResult = added(add(host, conf));
  const check = (): PluginResponse =>
    callPlugin(
      host,
      bin,
      { command: "CHECK", containerId: "c1", netns, ifname: "eth0", path: binDir },
      { ...conf, prevResult },
    );
  assert.equal(check().status, 0);
  host.run("ip", ["route", "del", "default"], { netns: "c1" });
  assert.match(failed(check()).msg, /^Expected Route .*not found in routing table/);
  host.run("ip", ["address", "flush", "dev", "eth0"], { netns: "c1" });
  assert.match(failed(check()).msg, /^Failed to match addr 10\.1\.2\.2\/24 on interface eth0$/);
  host.run("ip", ["link", "del", "eth0"], { netns: "c1" });
  assert.match(failed(check()).msg, /eth0/);
});
