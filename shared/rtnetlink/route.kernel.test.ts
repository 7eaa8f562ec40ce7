import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { hostFor } from "../../conformance/harness/host/host.ts";
import { ipJson } from "../../conformance/harness/host/inspect.ts";
import { SystemError } from "../errors/system-error.ts";
import { formatIp, type IpAddress, parseIp } from "../ip/address.ts";
import { formatPrefix, type IpPrefix, parsePrefix } from "../ip/prefix.ts";
import { inNetns, openNetns } from "../linux/netns.ts";
import { openRtnetlink } from "./client.ts";
import { requireLink } from "./link.ts";
import { addRoute, type KernelRoute, listRoutes, lookupRoute, RT_TABLE_MAIN } from "./route.ts";

/** A namespace with 10.1.0.1/24 and 2001:db8:1::1/64 on v0. */
async function scratch(t: TestContext) {
  const host = await hostFor(t);
  const netns = openNetns(host.outside(host.addNetns("a")));
  const rt = inNetns(netns, openRtnetlink);
  t.after(() => {
    rt.close();
    netns.close();
  });
  const ip = (...args: string[]) => host.inNetns("a", "ip", args);
  ip("link", "add", "v0", "type", "veth", "peer", "name", "v1");
  for (const name of ["lo", "v0", "v1"]) ip("link", "set", name, "up");
  ip("address", "add", "10.1.0.1/24", "dev", "v0");
  ip("address", "add", "2001:db8:1::1/64", "dev", "v0", "nodad");
  return {
    rt,
    ip,
    v0: requireLink(rt, "v0"),
    /** Routes as iproute2 sees them. */
    shown: (family: "-4" | "-6", ...args: string[]) => ipJson(host, [family, "route", "show", ...args], "a"),
  };
}

function prefix(text: string): IpPrefix {
  const parsed = parsePrefix(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

function address(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

function route(dst: string, changes: Partial<KernelRoute> = {}): KernelRoute {
  return { dst: prefix(dst), table: RT_TABLE_MAIN, scope: 0, ...changes };
}

test("routes are added with all they have", async (t) => {
  const { rt, v0, shown } = await scratch(t);
  const gateway = address("10.1.0.254");
  addRoute(rt, v0, route("0.0.0.0/0", { gateway, priority: 50, mtu: 1400, advmss: 1300 }));
  addRoute(rt, v0, route("192.0.2.0/24", { scope: 253 }));
  addRoute(rt, v0, route("198.51.100.0/24", { gateway, table: 1000 }));
  addRoute(rt, v0, route("203.0.113.0/24", { gateway, mtu: 0, advmss: 0, priority: 0 }));
  const [all] = shown("-4", "default");
  assert.deepEqual(
    [all?.["gateway"], all?.["dev"], all?.["metric"], all?.["metrics"]],
    ["10.1.0.254", "v0", 50, [{ mtu: 1400, advmss: 1300 }]],
  );
  const [onLink] = shown("-4", "192.0.2.0/24");
  assert.deepEqual([onLink?.["dev"], onLink?.["scope"], onLink?.["gateway"]], ["v0", "link", undefined]);
  assert.equal(shown("-4", "table", "1000")[0]?.["dst"], "198.51.100.0/24");
  const [plain] = shown("-4", "203.0.113.0/24");
  assert.deepEqual([plain?.["metric"], plain?.["metrics"]], [undefined, undefined]);
});

test("IPv6 routes are added with all they have", async (t) => {
  const { rt, v0, shown } = await scratch(t);
  const gateway = address("2001:db8:1::ffff");
  addRoute(rt, v0, route("::/0", { gateway, priority: 50, mtu: 1400 }));
  addRoute(rt, v0, route("2001:db8:2::/64"));
  const [all] = shown("-6", "default");
  assert.deepEqual(
    [all?.["gateway"], all?.["dev"], all?.["metric"], all?.["metrics"]],
    ["2001:db8:1::ffff", "v0", 50, [{ mtu: 1400 }]],
  );
  const [onLink] = shown("-6", "2001:db8:2::/64");
  assert.deepEqual([onLink?.["dev"], onLink?.["gateway"]], ["v0", undefined]);
});

test("routes are listed as they were added", async (t) => {
  const { rt, v0 } = await scratch(t);
  const oif = v0.index;
  const added = [
    route("0.0.0.0/0", { gateway: address("10.1.0.254"), priority: 50, mtu: 1400, advmss: 1300, oif }),
    route("192.0.2.0/24", { scope: 253, oif }),
    route("198.51.100.0/24", { gateway: address("10.1.0.254"), table: 1000, oif }),
    route("2001:db8:2::/64", { gateway: address("2001:db8:1::ffff"), priority: 77, oif }),
  ];
  for (const one of added) addRoute(rt, v0, one);
  for (const one of added) {
    const found = listRoutes(rt, one.dst.address.family).filter(
      ({ dst }) => formatPrefix(dst) === formatPrefix(one.dst),
    );
    assert.deepEqual(found, [one]);
  }
});

test("what is no way to anywhere is not listed", async (t) => {
  const { rt, ip } = await scratch(t);
  for (const type of ["unreachable", "blackhole", "prohibit", "throw"]) {
    ip("route", "add", type, "192.0.2.0/24", "metric", `${type.length}`);
    ip("-6", "route", "add", type, "2001:db8:9::/64", "metric", `${type.length}`);
  }
  for (const family of [4, 6] as const) {
    const listed = listRoutes(rt, family).map(({ dst }) => formatPrefix(dst));
    assert.ok(listed.includes(family === 4 ? "10.1.0.0/24" : "2001:db8:1::/64"));
    // Neither those, nor the local and broadcast addresses of the local table.
    for (const dst of [
      "192.0.2.0/24",
      "2001:db8:9::/64",
      "10.1.0.1/32",
      "10.1.0.255/32",
      "2001:db8:1::1/128",
    ]) {
      assert.ok(!listed.includes(dst), dst);
    }
  }
});

test("a refused route names where it leads, the errno and the kernel's words", async (t) => {
  const { rt, v0 } = await scratch(t);
  assert.throws(
    () => addRoute(rt, v0, route("192.0.2.0/24", { gateway: address("172.31.0.1") })),
    (error) =>
      error instanceof SystemError &&
      error.errno === "ENETUNREACH" &&
      error.message ===
        'failed to add route 192.0.2.0/24 via 172.31.0.1 dev "v0": ENETUNREACH, network is unreachable ' +
          "(kernel: Nexthop has invalid gateway)",
  );
  addRoute(rt, v0, route("192.0.2.0/24"));
  assert.throws(
    () => addRoute(rt, v0, route("192.0.2.0/24")),
    (error) => error instanceof SystemError && error.errno === "EEXIST",
  );
});

test("the way to an address: on the link, through a gateway, or to the host itself", async (t) => {
  const { rt, ip, v0 } = await scratch(t);
  ip("route", "add", "default", "via", "10.1.0.254");
  ip("route", "add", "192.0.2.0/24", "via", "10.1.0.253");
  ip("-6", "route", "add", "default", "via", "2001:db8:1::ffff");
  const way = (text: string) => {
    const found = lookupRoute(rt, address(text));
    assert.ok(found !== undefined, text);
    assert.equal(formatIp(found.dst.address), text);
    return [found.oif, found.gateway === undefined ? undefined : formatIp(found.gateway)];
  };
  assert.deepEqual(way("10.1.0.7"), [v0.index, undefined]);
  assert.deepEqual(way("192.0.2.1"), [v0.index, "10.1.0.253"]);
  assert.deepEqual(way("203.0.113.1"), [v0.index, "10.1.0.254"]);
  assert.deepEqual(way("2001:db8:1::7"), [v0.index, undefined]);
  assert.deepEqual(way("2001:db8:2::7"), [v0.index, "2001:db8:1::ffff"]);
  assert.deepEqual(way("10.1.0.1"), [1, undefined]);
  assert.deepEqual(way("2001:db8:1::1"), [1, undefined]);
});

test("there is no way to what nothing leads to, nor to what is refused", async (t) => {
  const { rt, ip } = await scratch(t);
  assert.equal(lookupRoute(rt, address("192.0.2.1")), undefined);
  assert.equal(lookupRoute(rt, address("2001:db8:2::1")), undefined);
  for (const type of ["unreachable", "blackhole", "prohibit", "throw"]) {
    ip("route", "replace", type, "192.0.2.0/24");
    ip("-6", "route", "add", type, "2001:db8:2::/64");
    assert.equal(lookupRoute(rt, address("192.0.2.1")), undefined, type);
    assert.equal(lookupRoute(rt, address("2001:db8:2::1")), undefined, `${type} IPv6`);
    ip("-6", "route", "delete", type, "2001:db8:2::/64");
  }
});
