/** ingressPolicy isolated against what needs nobody's consent: link-local addresses of IPv6, tags of VLAN 0. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { asObject, type JsonObject, objectList, parse } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { type Command, callPlugin, type PluginResponse } from "../../harness/plugins/plugin-call.ts";
import { frame, macOf, sendFrame, tagged, udpPacket } from "../../harness/traffic/frames.ts";

const beyondPeer = { skip: expectPeer ? "the Go plugin differs here" : false };
const binDir = pluginFolder();
const list: JsonObject = { cniVersion: "1.1.0", name: "net1" };
const bridge: JsonObject = {
  ...{ ...list, type: "bridge", bridge: "bridge0", isDefaultGateway: true },
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.2.0/24" }]] },
};

function call(
  host: Host,
  plugin: string,
  command: Command,
  container: string,
  config: JsonObject,
): PluginResponse {
  const target = { containerId: container, netns: `/run/netns/${container}`, ifname: "eth0", path: binDir };
  return callPlugin(host, `${binDir}/${plugin}`, { command, ...target }, config);
}

/** Attaches a container; returns what calls of firewall. */
function attach(host: Host, container: string, backend: string) {
  host.addNetns(container);
  const added = call(host, "bridge", "ADD", container, bridge);
  assert.equal(added.status, 0, added.stdout);
  const prevResult = asObject(added.json);
  return (command: Command, ingressPolicy = "isolated"): PluginResponse =>
    call(host, "firewall", command, container, {
      ...list,
      type: "firewall",
      backend,
      ingressPolicy,
      prevResult,
    });
}

function succeed({ status, stdout }: PluginResponse): void {
  assert.equal(status, 0, stdout);
}

async function network(t: TestContext, backend: string, bridgeNetfilter = 1) {
  const host = await hostFor(t);
  for (const tool of ["iptables", "ip6tables"]) {
    const name = `net.bridge.bridge-nf-call-${tool}=${bridgeNetfilter}`;
    host.run("sysctl", ["-qw", name], { check: false });
  }
  const [c1, c2] = [attach(host, "c1", backend), attach(host, "c2", backend)];
  const input = `
table ip look {
  counter arrived {}
  chain seen { type filter hook prerouting priority -400; udp dport 9999 counter name arrived; }
}`;
  host.inNetns("c2", "nft", ["-f", "-"], { input });
  return { host, c1, c2 };
}

function pings(host: Host, to: string): boolean {
  return host.inNetns("c1", "ping", ["-c1", "-W1", to], { check: false }).status === 0;
}

/** The address that the kernel has given c2's interface. */
function linkLocal(host: Host): string {
  const { stdout } = host.inNetns("c2", "ip", [
    "-j",
    "-6",
    "address",
    "show",
    "dev",
    "eth0",
    "scope",
    "link",
  ]);
  const [address] = objectList(objectList(parse(stdout))[0]?.["addr_info"]).filter(
    ({ local }) => local !== undefined,
  );
  return `${String(address?.["local"])}%eth0`;
}

/** By which ways c1 gets to c2. */
function ways(host: Host): string[] {
  host.inNetns("c2", "nft", ["reset", "counters"]);
  const [to, from] = [macOf(host, { netns: "c2" }), macOf(host, { netns: "c1" })];
  const packet = udpPacket("10.1.2.2", "10.1.2.3", 9999, "hello");
  sendFrame(host, "c1", frame(to, from, 0x8100, tagged(0, 0x0800, packet)));
  // What is sent afterwards arrives afterwards.
  host.run("ping", ["-c1", "-W2", "10.1.2.3"]);
  const arrived = /packets ([1-9]\d*)/.test(host.inNetns("c2", "nft", ["list", "counters"]).stdout);
  return [
    ...(pings(host, "10.1.2.3") ? ["IPv4"] : []),
    ...(pings(host, linkLocal(host)) ? ["IPv6"] : []),
    ...(arrived ? ["VLAN 0"] : []),
  ];
}

const allWays = ["IPv4", "IPv6", "VLAN 0"];

for (const [backend, bridgeNetfilter] of [
  ["iptables", 1],
  ["iptables", 0],
  ["nftables", 1],
] as const) {
  test(
    `${backend}, bridge-nf-call ${bridgeNetfilter}: nothing gets from one isolated container to another`,
    beyondPeer,
    async (t) => {
      const { host, c1, c2 } = await network(t, backend, bridgeNetfilter);
      assert.deepEqual(ways(host), allWays);
      for (const firewall of [c1, c2]) succeed(firewall("ADD"));
      for (const firewall of [c1, c2]) succeed(firewall("CHECK"));
      assert.deepEqual(ways(host), []);
      for (const firewall of [c1, c2]) succeed(firewall("ADD", "same-bridge"));
      assert.deepEqual(ways(host), allWays);
      succeed(c1("CHECK", "same-bridge"));
      succeed(c1("ADD"));
      assert.deepEqual(ways(host), []);
      for (const firewall of [c1, c2]) succeed(firewall("DEL"));
      assert.deepEqual(ways(host), allWays);
      assert.equal(host.run("nft", ["list", "table", "bridge", "cni_firewall"], { check: false }).stdout, "");
    },
  );
}

test(
  "iptables: CHECK says what passes when table bridge cni_firewall is gone, and ADD brings it back",
  beyondPeer,
  async (t) => {
    const { host, c1, c2 } = await network(t, "iptables");
    for (const firewall of [c1, c2]) succeed(firewall("ADD"));
    host.run("nft", ["delete", "table", "bridge", "cni_firewall"]);
    assert.deepEqual(ways(host), ["IPv6", "VLAN 0"]);
    const { msg, code } = asObject(c1("CHECK").json);
    assert.equal(code, 105);
    assert.match(
      String(msg),
      /^bridge bridge0 is isolated by iptables alone, which frames with a VLAN tag and IPv6/,
    );
    for (const firewall of [c1, c2]) succeed(firewall("ADD"));
    succeed(c1("CHECK"));
    assert.deepEqual(ways(host), []);
  },
);

for (const backend of ["iptables", "nftables"]) {
  test(`${backend}: CHECK says that a policy is not in force between VLANs`, beyondPeer, async (t) => {
    const host = await hostFor(t);
    const interfaces = [
      ...[{ name: "br0" }, { name: "veth1" }, { name: "eth0", sandbox: "/run/netns/c1" }],
      { name: "br0.100" },
    ];
    const prevResult = { cniVersion: "1.1.0", interfaces, ips: [{ address: "10.1.2.2/24", interface: 2 }] };
    host.addNetns("c1");
    const firewall = (command: Command, ingressPolicy: string) =>
      call(host, "firewall", command, "c1", {
        ...list,
        type: "firewall",
        backend,
        ingressPolicy,
        prevResult,
      });
    succeed(firewall("ADD", "open"));
    succeed(firewall("CHECK", "open"));
    for (const policy of ["same-bridge", "isolated"]) {
      succeed(firewall("ADD", policy));
      const { code, msg } = asObject(firewall("CHECK", policy).json);
      assert.equal(code, 105);
      assert.match(String(msg), /^ingressPolicy is not in force for what is routed by br0\.100/);
    }
    succeed(firewall("DEL", "open"));
  });
}
