/** What packets show: neighbours, isolation, hairpin, masquerading. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { expectPeer, pluginFolder } from "../harness/binaries.ts";
import { type Host, hostFor } from "../harness/host.ts";
import { ipJson } from "../harness/inspect.ts";
import { asObject, asString, type JsonObject, objectList } from "../harness/json.ts";
import { callPlugin } from "../harness/plugin-call.ts";
import { resultAddresses, withoutPrefix } from "../harness/result.ts";
import { addOutside, fetchPage, isUnreachable, outsideAddresses, serveHttp } from "../harness/traffic.ts";

const binDir = pluginFolder();
const ranges = [[{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:5::/64" }]];
const base = {
  cniVersion: "1.0.0",
  name: "net1",
  type: "bridge",
  bridge: "bridge0",
  isDefaultGateway: true,
  ipam: { type: "host-local", ranges },
};

function call(host: Host, command: "ADD" | "DEL", container: string, extra: JsonObject = {}): JsonObject {
  const netns = `/run/netns/${container}`;
  const response = callPlugin(
    host,
    `${binDir}/bridge`,
    { command, containerId: container, netns, ifname: "eth0" },
    { ...base, ...extra },
  );
  assert.equal(response.status, 0, response.stdout);
  return response.json === undefined ? {} : asObject(response.json);
}

/** Attaches a new container and returns its addresses, IPv4 first. */
function attach(host: Host, container: string, extra: JsonObject = {}): [string, string] {
  host.addNetns(container);
  const [ipv4 = "", ipv6 = ""] = resultAddresses(call(host, "ADD", container, extra)).map(withoutPrefix);
  return [ipv4, ipv6];
}

function ping(host: Host, netns: string, address: string): boolean {
  return host.inNetns(netns, "ping", ["-c1", "-W1", address], { check: false }).status === 0;
}

test("an address that comes back with another container is known to the neighbours at once", async (t) => {
  const host = await hostFor(t);
  const addresses = attach(host, "first");
  attach(host, "neighbour");
  for (const address of addresses) assert.ok(ping(host, "neighbour", address), address);
  call(host, "DEL", "first");

  host.addNetns("second");
  const result = call(host, "ADD", "second", { args: { cni: { ips: addresses } } });
  assert.deepEqual(resultAddresses(result).map(withoutPrefix), addresses);
  if (expectPeer) return;
  const mac = asString(objectList(result["interfaces"])[2]?.["mac"]);
  for (const address of addresses) {
    const [entry] = ipJson(host, ["neigh", "show", address], "neighbour");
    assert.equal(entry?.["lladdr"], mac, address);
  }
});

test("isolated ports reach the host and not each other", async (t) => {
  const host = await hostFor(t);
  const isolated = { portIsolation: true };
  const [one] = [attach(host, "one", isolated), attach(host, "two", isolated)];
  const open = attach(host, "open");
  assert.ok(ping(host, "two", "10.1.2.1"), "the gateway");
  assert.ok(ping(host, "two", open[0]), "a port that is not isolated");
  for (const address of one) assert.ok(!ping(host, "two", address), `another isolated port, ${address}`);
});

for (const backend of ["iptables", "nftables"]) {
  test(`masquerading with ${backend}: outside sees the host's address; without it nothing comes back`, async (t) => {
    const host = await hostFor(t);
    addOutside(host);
    await serveHttp(host, "outside", 80, "page");
    const ipMasq = { ipMasq: true, ipMasqBackend: backend };
    const [one] = [attach(host, "one", ipMasq), attach(host, "two", ipMasq)];
    attach(host, "plain");
    const { outside, host: near } = outsideAddresses;
    const urls = [
      [`http://${outside.ipv4}/`, near.ipv4],
      [`http://[${outside.ipv6}]/`, near.ipv6],
    ] as const;
    for (const [url, client] of urls) {
      assert.deepEqual(fetchPage(host, url, { netns: "one" }), { page: "page", client });
      assert.ok(isUnreachable(host, url, { netns: "plain" }), url);
    }
    await serveHttp(host, "one", 80, "inside");
    assert.equal(
      fetchPage(host, `http://${one[0]}/`, { netns: "two" }).client,
      "10.1.2.3",
      "not inside the subnet",
    );
  });
}

test("hairpin mode lets a container reach itself through the host", async (t) => {
  const host = await hostFor(t);
  for (const [name, hairpinMode] of [
    ["with", true],
    ["without", false],
  ] as const) {
    const [address] = attach(host, name, { hairpinMode });
    await serveHttp(host, name, 80, name);
    const target = ["-d", "10.1.2.1", "-p", "tcp", "--dport"];
    const port = hairpinMode ? "8001" : "8002";
    host.run("iptables", [
      "-t",
      "nat",
      "-A",
      "PREROUTING",
      ...target,
      port,
      "-j",
      "DNAT",
      "--to",
      `${address}:80`,
    ]);
    host.run("iptables", [
      "-t",
      "nat",
      "-A",
      "POSTROUTING",
      "-s",
      address,
      "-d",
      address,
      "-j",
      "MASQUERADE",
    ]);
  }
  assert.equal(fetchPage(host, "http://10.1.2.1:8001/", { netns: "with" }).page, "with");
  assert.ok(isUnreachable(host, "http://10.1.2.1:8002/", { netns: "without" }));
});

test("a VLAN on a kernel without VLAN filtering is refused, and says which option is missing", async (t) => {
  const host = await hostFor(t);
  host.addNetns("one");
  const filters = host.run("ip", ["link", "add", "probe", "type", "bridge", "vlan_filtering", "1"], {
    check: false,
  });
  if (filters.status === 0) host.run("ip", ["link", "del", "probe"]);
  const response = callPlugin(
    host,
    `${binDir}/bridge`,
    { command: "ADD", containerId: "one", netns: "/run/netns/one", ifname: "eth0" },
    { ...base, vlan: 100 },
  );
  if (filters.status === 0) assert.equal(response.status, 0, response.stdout);
  else if (!expectPeer) {
    assert.match(response.stdout, /CONFIG_BRIDGE_VLAN_FILTERING/);
    assert.deepEqual(ipJson(host, ["link", "show", "type", "bridge"]), []);
  }
});
