/** VLANs, on a kernel that can filter them: which ones a port gets, and what packets show. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { ipJson } from "../../harness/host/inspect.ts";
import { asObject, asString, type JsonObject, objectList, parse } from "../../harness/host/json.ts";
import { pluginFolder } from "../../harness/plugins/binaries.ts";
import { callPlugin, type PluginResponse } from "../../harness/plugins/plugin-call.ts";
import { resultAddresses, withoutPrefix } from "../../harness/plugins/result.ts";

const bin = `${pluginFolder()}/bridge`;
const versions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
const layer2 = { cniVersion: "1.0.0", name: "net1", type: "bridge", bridge: "bridge0" };
const v4 = [{ subnet: "10.1.2.0/24" }];
const v6 = [{ subnet: "2001:db8:5::/64" }];
const otherV6 = [{ subnet: "2001:db8:6::/64" }];
const routed = (...ranges: unknown[]): JsonObject => ({
  ...layer2,
  isDefaultGateway: true,
  ipam: { type: "host-local", ranges },
});

function call(
  host: Host,
  command: "ADD" | "CHECK" | "DEL",
  container: string,
  config: JsonObject,
): PluginResponse {
  const netns = `/run/netns/${container}`;
  return callPlugin(host, bin, { command, containerId: container, netns, ifname: "eth0" }, config);
}

function attach(host: Host, container: string, config: JsonObject): JsonObject {
  host.addNetns(container);
  const response = call(host, "ADD", container, config);
  assert.deepEqual([response.status, response.stderr], [0, ""], response.stdout);
  return asObject(response.json);
}

function portOf(result: JsonObject): string {
  return asString(objectList(result["interfaces"])[1]?.["name"]);
}

/** A port's VLANs as `bridge` shows them: the ID, with `*` for the one of untagged frames. */
function vlansOf(host: Host, port: string): string[] {
  const [shown] = objectList(parse(host.run("bridge", ["-j", "vlan", "show", "dev", port]).stdout));
  return objectList(shown?.["vlans"]).map(({ vlan, flags }) => {
    const isNative = Array.isArray(flags) && flags.includes("PVID") && flags.includes("Egress Untagged");
    return `${vlan}${isNative ? "*" : ""}`;
  });
}

function filters(host: Host): unknown {
  const [bridge] = ipJson(host, ["-d", "link", "show", "bridge0"]);
  return asObject(asObject(bridge?.["linkinfo"])["info_data"])["vlan_filtering"];
}

function ping(host: Host, netns: string, address: string): boolean {
  return host.inNetns(netns, "ping", ["-c1", "-W10", address], { check: false }).status === 0;
}

const trunk = [{ id: 101 }, { minID: 200, maxID: 202 }];

const layer2Cases: [string, JsonObject, string[]][] = [
  ["an access VLAN", { vlan: 100 }, ["100*"]],
  ["an access VLAN beside the default one", { vlan: 100, preserveDefaultVlan: true }, ["1", "100*"]],
  ["a trunk has VLAN 1 as native", { vlanTrunk: trunk }, ["1*", "101", "200", "201", "202"]],
  [
    "a trunk with a native VLAN of its own",
    { vlan: 100, vlanTrunk: trunk },
    ["100*", "101", "200", "201", "202"],
  ],
  [
    "a native VLAN that the trunk lists stays native",
    { vlan: 101, vlanTrunk: trunk },
    ["101*", "200", "201", "202"],
  ],
  ["an empty trunk only turns filtering on", { vlanTrunk: [] }, ["1*"]],
];

for (const [what, keys, vlans] of layer2Cases) {
  test(`layer 2: ${what}`, async (t) => {
    const host = await hostFor(t);
    for (const cniVersion of versions.filter((version) => version >= "0.3.0")) {
      const name = `v${cniVersion.replaceAll(".", "-")}`;
      const config = { ...layer2, ...keys, cniVersion };
      assert.deepEqual(vlansOf(host, portOf(attach(host, name, config))), vlans, cniVersion);
      assert.equal(filters(host), 1);
      assert.equal(call(host, "DEL", name, config).status, 0);
    }
  });
}

const routedCases: [string, JsonObject, string[]][] = [
  ["IPv4", routed(v4), ["10.1.2.1/24"]],
  ["IPv6", routed(v6), ["2001:db8:5::1/64"]],
  ["both", routed(v4, v6), ["10.1.2.1/24", "2001:db8:5::1/64"]],
  ["three ranges", routed(v4, v6, otherV6), ["10.1.2.1/24", "2001:db8:5::1/64", "2001:db8:6::1/64"]],
];

for (const [what, config, gateways] of routedCases) {
  test(`${what} in a VLAN, in every version that can express it`, async (t) => {
    for (const cniVersion of versions) {
      if (what === "three ranges" && cniVersion < "0.3.0") continue;
      const host = await hostFor(t);
      const keys = { ...config, cniVersion, vlan: 100, preserveDefaultVlan: false };
      const result = attach(host, "one", keys);
      if (cniVersion >= "0.3.0") assert.equal(objectList(result["interfaces"]).length, 4, cniVersion);
      const shown = host.run("ip", ["-o", "address", "show", "scope", "global"]).stdout;
      for (const address of gateways) assert.match(shown, new RegExp(`bridge0\\.100 .* ${address} `));
      assert.equal(ipJson(host, ["link"]).length, 5);
      for (const { ifname } of ipJson(host, ["link", "show", "master", "bridge0"])) {
        assert.deepEqual(vlansOf(host, asString(ifname)), ["100*"], cniVersion);
      }
      assert.equal(call(host, "DEL", "one", keys).status, 0, cniVersion);
    }
  });
}

for (const [what, config, gateways] of routedCases.slice(0, 3)) {
  test(`${what} in a VLAN: the gateway is an interface of its own in the VLAN`, async (t) => {
    const host = await hostFor(t);
    const result = attach(host, "one", { ...config, vlan: 100 });
    const [, , , gateway] = objectList(result["interfaces"]);
    const [link] = ipJson(host, ["-d", "link", "show", "bridge0.100"]);
    assert.deepEqual(
      [gateway?.["name"], gateway?.["mac"], gateway?.["sandbox"]],
      ["bridge0.100", link?.["address"], undefined],
    );
    assert.equal(asObject(link?.["linkinfo"])["info_kind"], "veth");
    const peer = ipJson(host, ["link"]).find(({ ifindex }) => ifindex === Number(link?.["ifindex"]) - 1);
    assert.deepEqual(vlansOf(host, asString(peer?.["ifname"])), ["100*"]);
    const shown = host.run("ip", ["-o", "address", "show", "scope", "global"]).stdout;
    for (const address of gateways) assert.match(shown, new RegExp(`bridge0\\.100 .* ${address} `));
    assert.doesNotMatch(shown, /bridge0 /);
    assert.equal(ipJson(host, ["link"]).length, 5);
    const checked = call(host, "CHECK", "one", { ...config, vlan: 100, prevResult: result });
    assert.deepEqual([checked.status, checked.stdout], [0, ""]);
    for (const address of gateways) assert.ok(ping(host, "one", withoutPrefix(address)), address);

    const deleted = call(host, "DEL", "one", { ...config, vlan: 100 });
    assert.deepEqual([deleted.status, deleted.stdout], [0, ""]);
    assert.equal(ipJson(host, ["link"]).length, 4, "the VLAN's gateway stays for those that follow");
  });
}

test("containers of one VLAN reach each other, those of another do not", async (t) => {
  const host = await hostFor(t);
  const config = { ...routed(v4), isDefaultGateway: false };
  const [one] = resultAddresses(attach(host, "one", { ...config, vlan: 100 })).map(withoutPrefix);
  attach(host, "two", { ...config, vlan: 100 });
  attach(host, "three", { ...config, vlan: 200 });
  assert.ok(ping(host, "two", asString(one)), "the same VLAN");
  assert.ok(!ping(host, "three", asString(one)), "another VLAN");
});

test("a bridge that does not filter is refused for a VLAN, and stays as it is", async (t) => {
  const host = await hostFor(t);
  host.run("ip", ["link", "add", "bridge0", "type", "bridge"]);
  host.addNetns("one");
  const response = call(host, "ADD", "one", { ...layer2, vlan: 100 });
  assert.equal(response.status, 1);
  const { code, msg, details } = asObject(response.json);
  assert.equal(code, 103);
  assert.match(asString(msg), /bridge "bridge0" exists without VLAN filtering/);
  assert.match(asString(details), /ip link set bridge0 type bridge vlan_filtering 1/);
  assert.equal(filters(host), 0);
  assert.deepEqual(ipJson(host, ["link", "show", "type", "veth"]), []);
});

test("a failed ADD takes the VLAN's gateway back that it made", async (t) => {
  const host = await hostFor(t);
  host.addNetns("one");
  const full = [{ subnet: "10.1.2.0/30", rangeStart: "10.1.2.1", rangeEnd: "10.1.2.1" }];
  assert.equal(call(host, "ADD", "one", { ...routed(full), vlan: 100 }).status, 1);
  const late = { ...routed(v4), vlan: 100 };
  const routes = [{ dst: "192.0.2.0/24", gw: "203.0.113.1" }];
  const response = call(host, "ADD", "one", { ...late, ipam: { type: "host-local", ranges: [v4], routes } });
  assert.equal(response.status, 1, response.stdout);
  assert.deepEqual(
    ipJson(host, ["link"]).map(({ ifname }) => ifname),
    ["lo"],
  );
});

test("an ADD that fails late takes the gateway's interface back, unless a container uses it", async (t) => {
  const host = await hostFor(t);
  const forwarding = "/proc/sys/net/ipv6/conf/all/forwarding";
  host.run("mount", ["--bind", forwarding, forwarding]);
  host.run("mount", ["-o", "remount,bind,ro", forwarding]);
  const failing = { ...routed(v4, v6), vlan: 5 };
  host.addNetns("c1");
  const fail = (): void => assert.match(call(host, "ADD", "c1", failing).stdout, /forwarding/);
  fail();
  assert.deepEqual(ipJson(host, ["link", "show", "type", "bridge"]), []);
  assert.deepEqual(ipJson(host, ["link", "show", "type", "veth"]), []);
  const config = { ...routed(v4), vlan: 5 };
  const prevResult = attach(host, "c2", config);
  fail();
  host.inNetns("c2", "ping", ["-c1", "-W2", "10.1.2.1"]);
  const check = (): PluginResponse => call(host, "CHECK", "c2", { ...config, prevResult });
  assert.equal(check().stdout, "");
  host.run("ip", ["address", "del", "10.1.2.1/24", "dev", "bridge0.5"]);
  assert.equal(asObject(check().json)["msg"], "gateway address 10.1.2.1 not found on bridge0.5");
});
