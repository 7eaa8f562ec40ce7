/**
 * ingressPolicy isolated where the gateway is an end of a veth whose other end is a port of the bridge, as plugin
 * bridge's `vlan` has it. The VLAN itself takes a kernel that filters them: firewall-vlan.vm.test.ts.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { asObject, type JsonObject, objectList } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { type Command, callPlugin, type PluginResponse } from "../../harness/plugins/plugin-call.ts";

const beyondPeer = { skip: expectPeer ? "the Go plugin differs here" : false };
const binDir = pluginFolder();
const gateway = "10.1.2.1";
const neighbour = "10.1.2.3";
const list: JsonObject = { cniVersion: "1.1.0", name: "net1" };
const bridge: JsonObject = {
  ...{ ...list, type: "bridge", bridge: "bridge0" },
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.2.0/24", gateway }]] },
};

function call(host: Host, command: Command, containerId: string, config: JsonObject): PluginResponse {
  const target = { containerId, netns: `/run/netns/${containerId}`, ifname: "eth0", path: binDir };
  return callPlugin(host, `${binDir}/${String(config["type"])}`, { command, ...target }, config);
}

/** Attaches a container whose result lists the gateway's interface; returns what calls firewall for it. */
function attach(host: Host, container: string, backend: string) {
  host.addNetns(container);
  const added = call(host, "ADD", container, bridge);
  succeed(added);
  const result = asObject(added.json);
  const prevResult = {
    ...result,
    interfaces: [...objectList(result["interfaces"]), { name: "bridge0.100" }],
  };
  const keys = { ...list, type: "firewall", backend, ingressPolicy: "isolated" };
  return (command: Command, changes: JsonObject = { prevResult }): PluginResponse =>
    call(host, command, container, { ...keys, ...changes });
}

function addGateway(host: Host, port: string): void {
  host.run("ip", ["link", "add", "bridge0.100", "type", "veth", "peer", "name", port]);
  host.run("ip", ["link", "set", port, "up", "master", "bridge0"]);
  host.run("ip", ["address", "add", `${gateway}/24`, "dev", "bridge0.100"]);
  host.run("ip", ["link", "set", "bridge0.100", "up"]);
}

function setBridgeNetfilter(host: Host, value: number): void {
  for (const tool of ["iptables", "ip6tables"]) {
    host.run("sysctl", ["-qw", `net.bridge.bridge-nf-call-${tool}=${value}`], { check: false });
  }
}

function succeed({ status, stdout }: PluginResponse): void {
  assert.equal(status, 0, stdout);
}

async function network(t: TestContext, backend: string) {
  const host = await hostFor(t);
  setBridgeNetfilter(host, 0);
  const [c1, c2] = [attach(host, "c1", backend), attach(host, "c2", backend)];
  addGateway(host, "veth-gw1");
  return { host, c1, c2 };
}

function pings(host: Host, to: string, seconds: number, from = "c1"): boolean {
  return host.inNetns(from, "ping", ["-c1", `-W${seconds}`, to], { check: false }).status === 0;
}

function table(host: Host): string {
  return host.run("nft", ["list", "table", "bridge", "cni_firewall"], { check: false }).stdout;
}

function complaint({ json }: PluginResponse): string {
  const { code, msg } = asObject(json);
  assert.equal(code, 105);
  return String(msg);
}

const onlyRouting = /^ingressPolicy is not in force for what is routed by bridge0\.100/;

for (const backend of ["iptables", "nftables"]) {
  test(`${backend}: isolated containers reach their gateway, not each other`, beyondPeer, async (t) => {
    const { host, c1, c2 } = await network(t, backend);
    assert.ok(pings(host, gateway, 10));
    assert.ok(pings(host, neighbour, 10));
    for (const firewall of [c1, c2]) succeed(firewall("ADD"));
    assert.ok(pings(host, gateway, 10));
    assert.ok(!pings(host, neighbour, 1));
    assert.match(complaint(c1("CHECK")), onlyRouting);

    succeed(c1("DEL", {}));
    assert.ok(pings(host, gateway, 10, "c2"), "c2 is still isolated");
    assert.ok(!pings(host, neighbour, 1));
    succeed(c2("DEL", {}));
    assert.ok(pings(host, neighbour, 10));
    assert.equal(table(host), "");
  });

  test(
    `${backend}: CHECK says that the way to the gateway is lost, and ADD makes it`,
    beyondPeer,
    async (t) => {
      const { host, c1, c2 } = await network(t, backend);
      for (const firewall of [c1, c2]) succeed(firewall("ADD"));
      const whole = table(host);
      host.run("nft", ["flush", "set", "bridge", "cni_firewall", "gateways"]);
      assert.ok(!pings(host, gateway, 1));
      const lost = /port veth-gw1 of bridge0\.100 is missing in set bridge cni_firewall gateways$/;
      assert.match(complaint(c1("CHECK")), lost);
      succeed(c1("ADD"));
      assert.equal(table(host), whole);
      assert.ok(pings(host, gateway, 10));

      // The gateway is made anew with another port.
      host.run("ip", ["link", "delete", "bridge0.100"]);
      addGateway(host, "veth-gw2");
      host.inNetns("c1", "ip", ["neighbour", "flush", "all"]);
      assert.match(complaint(c1("CHECK")), /port veth-gw2 of bridge0\.100 is missing/);
      succeed(c1("ADD"));
      assert.ok(pings(host, gateway, 10));
      assert.equal(table(host), whole.replace("veth-gw1", "veth-gw2"));

      // What has the gateway's name and is no way into this bridge opens nothing.
      host.run("ip", ["link", "set", "veth-gw2", "nomaster"]);
      host.run("nft", ["flush", "set", "bridge", "cni_firewall", "gateways"]);
      succeed(c1("ADD"));
      assert.doesNotMatch(table(host), /veth-gw/);
    },
  );

  test(`${backend}: CHECK says that br_netfilter cuts off the gateway`, beyondPeer, async (t) => {
    const { host, c1, c2 } = await network(t, backend);
    for (const firewall of [c1, c2]) succeed(firewall("ADD"));
    setBridgeNetfilter(host, 1);
    assert.ok(!pings(host, gateway, 1));
    assert.match(
      complaint(c1("CHECK")),
      /^containers of bridge0 do not reach bridge0\.100: net\.bridge\.bridge-nf-call-iptables is 1/,
    );
    setBridgeNetfilter(host, 0);
    assert.ok(pings(host, gateway, 10));
    assert.ok(!pings(host, neighbour, 1));
  });

  test(
    `${backend}: what the gateway routes back into its VLAN is the admin chain's`,
    beyondPeer,
    async (t) => {
      const { host, c1, c2 } = await network(t, backend);
      host.run("sysctl", ["-qw", "net.ipv4.ip_forward=1"]);
      for (const [container, other] of [
        ["c1", neighbour],
        ["c2", "10.1.2.2"],
      ] as const) {
        for (const which of ["all", "default", "eth0"])
          host.inNetns(container, "sysctl", ["-qw", `net.ipv4.conf.${which}.accept_redirects=0`]);
        host.inNetns(container, "ip", ["route", "add", other, "via", gateway]);
      }
      for (const firewall of [c1, c2]) succeed(firewall("ADD"));
      assert.ok(pings(host, neighbour, 10), "both agree to go by the gateway");
      if (backend === "iptables")
        host.run("iptables", ["-A", "CNI-ADMIN", "-i", "bridge0.100", "-o", "bridge0.100", "-j", "DROP"]);
      else
        host.run("nft", [
          'add rule inet cni_firewall admin iifname "bridge0.100" oifname "bridge0.100" drop',
        ]);
      assert.ok(!pings(host, neighbour, 1));
      assert.ok(pings(host, gateway, 10));
    },
  );
}
