/** Policies of firewall and VLANs of one bridge, whose gateways are interfaces of their own: what packets show. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { asObject, type JsonObject } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { type Command, callPlugin, type PluginResponse } from "../../harness/plugins/plugin-call.ts";
import { resultAddresses, withoutPrefix } from "../../harness/plugins/result.ts";
import { addOutside, outsideAddresses, skipDuplicateDetection } from "../../harness/traffic/traffic.ts";

const binDir = pluginFolder();

function configOf(vlan: number): JsonObject {
  const ranges = [[{ subnet: `10.1.${vlan}.0/24` }], [{ subnet: `2001:db8:${vlan}::/64` }]];
  return {
    ...{ cniVersion: "1.1.0", name: `vlan${vlan}`, type: "bridge", bridge: "bridge0", vlan },
    ...{ isDefaultGateway: true, ipam: { type: "host-local", ranges } },
  };
}

function call(host: Host, command: Command, containerId: string, config: JsonObject): PluginResponse {
  const netns = `/run/netns/${containerId}`;
  const bin = `${binDir}/${String(config["type"])}`;
  return callPlugin(host, bin, { command, containerId, netns, ifname: "eth0", path: binDir }, config);
}

function succeed({ status, stdout, stderr }: PluginResponse): void {
  assert.deepEqual([status, stderr], [0, ""], stdout);
}

/** A container of a VLAN: its addresses, and what calls firewall for it. */
function attach(host: Host, container: string, vlan: number) {
  host.addNetns(container);
  const added = call(host, "ADD", container, configOf(vlan));
  succeed(added);
  const prevResult = asObject(added.json);
  const list = { cniVersion: "1.1.0", name: `vlan${vlan}`, type: "firewall" };
  return {
    addresses: resultAddresses(prevResult).map(withoutPrefix),
    firewall: (command: Command, keys: JsonObject) =>
      call(host, command, container, { ...list, prevResult, ...keys }),
  };
}

/** Whether rules of IP see packets between ports of a bridge. */
function setBridgeNetfilter(host: Host, value: 0 | 1): void {
  for (const tool of ["iptables", "ip6tables"])
    host.run("sysctl", ["-qw", `net.bridge.bridge-nf-call-${tool}=${value}`]);
}

/** c1 and c2 are in VLAN 100, c3 is in VLAN 200. */
async function network(t: TestContext) {
  const host = await hostFor(t);
  host.run("modprobe", ["br_netfilter"]);
  setBridgeNetfilter(host, 0);
  skipDuplicateDetection(host);
  addOutside(host);
  const { host: near, outside } = outsideAddresses;
  host.inNetns("outside", "ip", ["route", "add", "default", "via", near.ipv4]);
  host.inNetns("outside", "ip", ["-6", "route", "add", "default", "via", near.ipv6]);
  const containers = [attach(host, "c1", 100), attach(host, "c2", 100), attach(host, "c3", 200)] as const;
  const targets = {
    gateway: ["10.1.100.1", "2001:db8:100::1"],
    outside: [outside.ipv4, outside.ipv6],
    neighbour: containers[1].addresses,
    "other VLAN": containers[2].addresses,
  };
  /** What c1 reaches, by either family alike; a busy machine answers late what nothing keeps from answering. */
  const expectReached = (names: readonly (keyof typeof targets)[]): void => {
    for (const [name, addresses] of Object.entries(targets)) {
      const expected = names.some((one) => one === name);
      for (const address of addresses) {
        const ping = ["-c1", expected ? "-W30" : "-W2", address];
        const { status } = host.inNetns("c1", "ping", ping, { check: false });
        assert.equal(status === 0, expected, `c1 to ${name}, ${address}`);
      }
    }
  };
  return { host, containers, expectReached };
}

function isolationTable(host: Host): string {
  return host.run("nft", ["list", "table", "bridge", "cni_firewall"], { check: false }).stdout;
}

for (const backend of ["nftables", "iptables"]) {
  test(`${backend}: isolated in a VLAN`, { skip: expectPeer }, async (t) => {
    const { host, containers, expectReached } = await network(t);
    const isolated = { backend, ingressPolicy: "isolated" };
    const onlyOtherVlan = ["gateway", "outside", "other VLAN"] as const;
    const all = [...onlyOtherVlan, "neighbour"] as const;
    expectReached(all);
    for (const { firewall } of containers) succeed(firewall("ADD", isolated));
    // Between VLANs no policy is in force, as CHECK says.
    expectReached(onlyOtherVlan);
    const { code, msg } = asObject(containers[0].firewall("CHECK", isolated).json);
    assert.equal(code, 105);
    assert.match(String(msg), /^ingressPolicy is not in force for what is routed by bridge0\.100/);

    for (const { firewall } of containers)
      succeed(firewall("ADD", { ...isolated, ingressPolicy: "same-bridge" }));
    expectReached(all);
    for (const { firewall } of containers) succeed(firewall("ADD", isolated));
    expectReached(onlyOtherVlan);

    // The neighbour and the other VLAN leave: c1 keeps its gateway.
    for (const { firewall } of containers.slice(1))
      succeed(firewall("DEL", { ...isolated, prevResult: undefined }));
    expectReached(onlyOtherVlan);
    succeed(containers[0].firewall("DEL", isolated));
    expectReached(all);
    assert.equal(isolationTable(host), "");
  });

  test(`${backend}: with br_netfilter CHECK says that the gateway is cut off`, {
    skip: expectPeer,
  }, async (t) => {
    const { host, containers, expectReached } = await network(t);
    const isolated = { backend, ingressPolicy: "isolated" };
    setBridgeNetfilter(host, 1);
    for (const { firewall } of containers) succeed(firewall("ADD", isolated));
    expectReached([]);
    const { code, msg } = asObject(containers[0].firewall("CHECK", isolated).json);
    assert.equal(code, 105);
    assert.match(
      String(msg),
      /^containers of bridge0 do not reach bridge0\.100: net\.bridge\.bridge-nf-call-ip/,
    );
    setBridgeNetfilter(host, 0);
    expectReached(["gateway", "outside", "other VLAN"]);
  });
}
