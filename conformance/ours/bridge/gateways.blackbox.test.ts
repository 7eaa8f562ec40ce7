/** Gateways beside link-local addresses, of two range sets, outside the subnet and of the other family; and MTUs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { ipJson } from "../../harness/host/inspect.ts";
import { asObject, asString, type JsonObject, objectList } from "../../harness/host/json.ts";
import { snapshot } from "../../harness/host/snapshot.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { assertNothingLeft } from "../../harness/plugins/leaks.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";
import { type Command, callPlugin, type PluginResponse } from "../../harness/plugins/plugin-call.ts";

const ours = pluginFolder();
const skip = expectPeer ? "the Go plugin has these faults" : false;

function config(ranges: unknown, more: JsonObject = {}): JsonObject {
  const ipam = { type: "host-local", ranges, ...asObject(more["ipam"] ?? {}) };
  return {
    cniVersion: "1.0.0",
    name: "net1",
    type: "bridge",
    bridge: "br0",
    isDefaultGateway: true,
    ...more,
    ipam,
  };
}

function run(host: Host, command: Command, conf: JsonObject, id = "c1"): PluginResponse {
  const call = { command, containerId: id, netns: `/run/netns/${id}`, ifname: "eth0" } as const;
  return callPlugin(host, `${ours}/bridge`, call, conf);
}

function succeed(done: PluginResponse): void {
  assert.deepEqual([done.status, done.stderr], [0, ""], done.stdout);
}

function addresses(host: Host, family: "-4" | "-6"): string[] {
  return ipJson(host, [family, "address", "show", "dev", "br0", "scope", "global"])
    .flatMap(({ addr_info }) => objectList(addr_info))
    .filter(({ local }) => local !== undefined)
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}

const linkLocal = [[{ subnet: "2001:db8:5::/64", gateway: "fe80::1" }]];

for (const [when, prepare] of [
  ["a new bridge", () => undefined],
  [
    "a bridge that has the kernel's link-local address by now",
    (host: Host) => {
      host.run("ip", ["link", "add", "br0", "type", "bridge"]);
      host.run("ip", ["link", "add", "port", "up", "master", "br0", "type", "veth", "peer", "name", "port2"]);
      host.run("ip", ["link", "set", "port2", "up"]);
      host.run("ip", ["link", "set", "br0", "up"]);
      host.run("ip", ["address", "add", "fe80::77/64", "dev", "br0", "nodad"]);
    },
  ],
] satisfies [string, (host: Host) => void][]) {
  for (const forceAddress of [false, true]) {
    test(`fe80::1 is the gateway of ${when}${forceAddress ? ", with forceAddress" : ""}`, {
      skip,
    }, async (t) => {
      const host = await hostFor(t);
      prepare(host);
      const others = linkLocals(host);
      const conf = config(linkLocal, { forceAddress });
      for (const id of ["c1", "c2", "c3"]) {
        host.addNetns(id);
        succeed(run(host, "ADD", conf, id));
        host.inNetns(id, "ping", ["-6", "-c1", "-w10", "fe80::1%eth0"]);
      }
      const now = linkLocals(host);
      assert.ok(now.includes("fe80::1"), String(now));
      for (const other of others) assert.ok(now.includes(other), `${other} of ${now}`);
      for (const id of ["c1", "c2", "c3"]) succeed(run(host, "DEL", conf, id));
    });
  }
}

function linkLocals(host: Host): string[] {
  return ipJson(host, ["-6", "address", "show", "scope", "link"])
    .filter(({ ifname }) => ifname === "br0")
    .flatMap(({ addr_info }) => objectList(addr_info))
    .map(({ local }) => asString(local));
}

test("two range sets of a family: the bridge has both gateways, and both are reached", {
  skip,
}, async (t) => {
  const host = await hostFor(t);
  const conf = config([
    [{ subnet: "10.1.2.0/24" }],
    [{ subnet: "10.1.3.0/24" }],
    [{ subnet: "2001:db8:5::/64" }],
    [{ subnet: "2001:db8:6::/64" }],
  ]);
  for (const forceAddress of [false, true]) {
    for (const id of ["c1", "c2"]) {
      const name = `${id}${forceAddress ? "f" : ""}`;
      host.addNetns(name);
      succeed(run(host, "ADD", { ...conf, forceAddress }, name));
      for (const gateway of ["10.1.2.1", "10.1.3.1", "2001:db8:5::1", "2001:db8:6::1"])
        host.inNetns(name, "ping", ["-c1", "-w10", gateway]);
    }
  }
  assert.deepEqual(addresses(host, "-4"), ["10.1.2.1/24", "10.1.3.1/24"]);
  assert.deepEqual(addresses(host, "-6").sort(), ["2001:db8:5::1/64", "2001:db8:6::1/64"]);
  const foreign = config([[{ subnet: "10.9.9.0/24" }]], { name: "net2" });
  host.addNetns("c9");
  const refused = run(host, "ADD", foreign, "c9");
  assert.deepEqual(
    [refused.status, asObject(refused.json)["code"]],
    [1, 103],
    "another network's still contradicts",
  );
});

type Refusal = { what: string; conf: JsonObject; code: number; msg: RegExp };
const v6 = [{ subnet: "2001:db8:5::/64" }];
const refusals: Refusal[] = [
  {
    what: "an IPv6 gateway of an IPv4 subnet",
    conf: config([[{ subnet: "10.1.2.0/24", gateway: "2001:db8::1" }]], {
      ipam: { routes: [{ dst: "0.0.0.0/0" }] },
    }),
    code: 7,
    msg: /^invalid range set 0: gateway 2001:db8::1 not in network 10\.1\.2\.0\/24$/,
  },
  {
    what: "an IPv4 gateway of an IPv6 subnet",
    conf: config([[{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:5::/64", gateway: "10.1.2.1" }]]),
    code: 7,
    msg: /^invalid range set 1: gateway 10\.1\.2\.1 not in network 2001:db8:5::\/64$/,
  },
  {
    what: "an IPv4 gateway outside the subnet",
    conf: config([[{ subnet: "10.1.2.0/24", gateway: "10.9.9.9" }]]),
    code: 100,
    msg: /failed to add route 0\.0\.0\.0\/0 via 10\.9\.9\.9 .*: gateway 10\.9\.9\.9 is outside of 10\.1\.2\.0\/24$/,
  },
  {
    what: "an IPv6 gateway outside the subnet",
    conf: config([[{ subnet: "2001:db8:5::/64", gateway: "2001:db8:9::1" }]]),
    code: 100,
    msg: /gateway 2001:db8:9::1 is outside of 2001:db8:5::\/64$/,
  },
  {
    what: "a route's gateway outside the subnets",
    conf: config([[{ subnet: "10.1.2.0/24" }]], {
      ipam: { routes: [{ dst: "10.8.0.0/16", gw: "10.77.0.1" }] },
    }),
    code: 100,
    msg: /gateway 10\.77\.0\.1 is outside of 10\.1\.2\.0\/24$/,
  },
  { what: "a negative mtu", conf: config([v6], { mtu: -1 }), code: 7, msg: /^mtu -1 is negative$/ },
  {
    what: "an mtu that IPv6 cannot have",
    conf: config([v6], { mtu: 1279 }),
    code: 7,
    msg: /^mtu 1279 of "eth0" is too small for IPv6, which needs 1280$/,
  },
];

for (const { what, conf, code, msg } of refusals) {
  test(`${what} is refused by name, and DEL, CHECK and GC go by it`, { skip }, async (t) => {
    const host = await hostFor(t);
    host.addNetns("c1");
    const before = snapshot(host);
    const refused = run(host, "ADD", conf);
    assert.equal(refused.status, 1);
    assert.equal(asObject(refused.json)["code"], code, refused.stdout);
    assert.match(asString(asObject(refused.json)["msg"]), msg);
    succeed(run(host, "DEL", conf));
    const gc = { ...conf, cniVersion: "1.1.0", "cni.dev/valid-attachments": [] };
    succeed(callPlugin(host, `${ours}/bridge`, { command: "GC" }, gc));
    assertNothingLeft(host, before, "br0", "after DEL");
  });
}

test("an mtu of 1280 carries IPv6, one below IPv4 alone; a bridge below is named", { skip }, async (t) => {
  const host = await hostFor(t);
  for (const id of ["c1", "c2", "c3"]) host.addNetns(id);
  succeed(run(host, "ADD", config([v6], { mtu: 1280 }), "c1"));
  const small = { name: "net2", bridge: "br1", mtu: 600 };
  succeed(run(host, "ADD", config([[{ subnet: "10.1.2.0/24" }]], small), "c2"));
  const refused = run(host, "ADD", config([[{ subnet: "2001:db8:6::/64" }]], { ...small, mtu: 0 }), "c3");
  assert.equal(refused.status, 1);
  assert.match(asString(asObject(refused.json)["msg"]), /^mtu 600 of "br1" is too small for IPv6/);
});

test("what was attached with a gateway that is refused by now is checked and deleted", {
  skip,
}, async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const conf = config([[{ subnet: "10.1.2.0/24", gateway: "2001:db8::1" }]], { isDefaultGateway: false });
  const call = { containerId: "c1", netns: "/run/netns/c1", ifname: "eth0" } as const;
  const added = callPlugin(host, `${ensurePeer("1.9.1").binDir}/bridge`, { command: "ADD", ...call }, conf);
  succeed(added);
  succeed(run(host, "CHECK", { ...conf, prevResult: added.json }));
  succeed(run(host, "DEL", { ...conf, prevResult: added.json }));
  assert.equal(
    host.run("sh", ["-c", "ls /var/lib/cni/networks/net1 | grep -c '^10'"], { check: false }).stdout,
    "0\n",
  );
});
