import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { hostFor } from "../../conformance/harness/host/host.ts";
import { ipJson } from "../../conformance/harness/host/inspect.ts";
import { asObject, type JsonObject } from "../../conformance/harness/host/json.ts";
import { Failure } from "../errors/failure.ts";
import { isErrno } from "../errors/system-error.ts";
import { inNetns, openNetns } from "../linux/netns.ts";
import { openRtnetlink } from "./client.ts";
import { deleteLink, findLink, findLinkByIndex, listLinks, requireLink, setLink } from "./link.ts";
import { createVethPair } from "./veth.ts";

/** Two namespaces, `a` and `b`, with an rtnetlink socket in each. */
async function scratch(t: TestContext) {
  const host = await hostFor(t);
  const open = (name: string) => {
    const netns = openNetns(host.outside(host.addNetns(name)));
    const rt = inNetns(netns, openRtnetlink);
    t.after(() => {
      rt.close();
      netns.close();
    });
    return { netns, rt };
  };
  const [a, b] = [open("a"), open("b")];
  return {
    rt: a.rt,
    a,
    b,
    ip: (...args: string[]) => host.inNetns("a", "ip", args),
    /** What iproute2 says of a link. */
    shown: (name: string, netns = "a") =>
      asObject(ipJson(host, ["-details", "link", "show", "dev", name], netns)[0]),
    shownLinks: (netns = "a") => ipJson(host, ["-details", "link"], netns),
  };
}

function flagsOf(shown: JsonObject): unknown[] {
  assert.ok(Array.isArray(shown["flags"]));
  return shown["flags"];
}

/** What iproute2 says of a link, in our terms. */
function inOurTerms(shown: JsonObject) {
  const flags = flagsOf(shown);
  const info = shown["linkinfo"];
  return {
    index: shown["ifindex"],
    name: shown["ifname"],
    kind: info === undefined ? "" : asObject(info)["info_kind"],
    mac: shown["address"],
    mtu: shown["mtu"],
    txQueueLength: shown["txqlen"] ?? 0,
    up: flags.includes("UP"),
    carrier: flags.includes("LOWER_UP"),
    promisc: flags.includes("PROMISC"),
    promiscuity: shown["promiscuity"],
    allmulti: flags.includes("ALLMULTI"),
    group: shown["group"] === "default" ? 0 : Number(shown["group"]),
    operState: String(shown["operstate"]).toLowerCase(),
    ...(shown["ifalias"] === undefined ? {} : { alias: shown["ifalias"] }),
  };
}

test("links are as iproute2 sees them", async (t) => {
  const { rt, ip, shownLinks } = await scratch(t);
  ip("link", "add", "v0", "type", "veth", "peer", "name", "v1");
  ip("link", "add", "br0", "type", "bridge");
  for (const name of ["v0", "br0"]) ip("link", "set", name, "up");
  ip("link", "set", "v1", "alias", "two words, ü");
  ip("link", "set", "v1", "promisc", "on", "allmulticast", "on", "txqueuelen", "7", "mtu", "1400");
  ip("link", "set", "v1", "group", "77");
  const ours = listLinks(rt).map(({ peerIndex: _peer, bridge: _bridge, operState, ...link }) => ({
    ...link,
    operState: operState.replaceAll("-", ""),
  }));
  assert.deepEqual(ours, shownLinks().map(inOurTerms));
  const [v0, v1] = [requireLink(rt, "v0"), requireLink(rt, "v1")];
  assert.deepEqual([v0.peerIndex, v1.peerIndex], [v1.index, v0.index]);
  for (const link of listLinks(rt)) {
    assert.deepEqual(findLink(rt, link.name), link);
    assert.deepEqual(findLinkByIndex(rt, link.index), link);
  }
});

test("what does not exist is undefined, or an error that names it", async (t) => {
  const { rt } = await scratch(t);
  assert.equal(findLink(rt, "none"), undefined);
  assert.equal(findLink(rt, "a-name-that-is-too-long"), undefined);
  assert.equal(findLinkByIndex(rt, 4711), undefined);
  assert.throws(
    () => requireLink(rt, "none"),
    (error) => error instanceof Failure && error.kind === "refused" && /"none".*ENODEV/.test(error.message),
  );
});

test("everything about a link is changed, and changed back", async (t) => {
  const { rt, ip, shown } = await scratch(t);
  ip("link", "add", "v0", "type", "veth", "peer", "name", "v1");
  ip("link", "set", "v1", "up");
  const before = inOurTerms(shown("v0"));
  const link = requireLink(rt, "v0");
  const on = { mac: "02:00:00:00:00:07", mtu: 1300, txQueueLength: 12, alias: "ours" };
  setLink(rt, link, { ...on, up: true, promisc: true, allmulti: true });
  const { operState: _state, ...changed } = inOurTerms(shown("v0"));
  const flags = { up: true, carrier: true, promisc: true, promiscuity: 1, allmulti: true };
  const { operState: _before, ...plain } = before;
  assert.deepEqual(changed, { ...plain, ...on, ...flags });

  setLink(rt, link, { up: false });
  assert.deepEqual([shown("v0")["mtu"], flagsOf(shown("v0")).includes("PROMISC")], [1300, true]);
  setLink(rt, link, {
    mac: String(before.mac),
    mtu: Number(before.mtu),
    txQueueLength: Number(before.txQueueLength),
    alias: "",
    promisc: false,
    allmulti: false,
  });
  assert.deepEqual(inOurTerms(shown("v0")), before);
});

test("a refused change names link, value, errno and the kernel's words, and changes nothing", async (t) => {
  const { rt, ip, shown } = await scratch(t);
  ip("link", "add", "v0", "type", "veth", "peer", "name", "v1");
  const link = requireLink(rt, "v0");
  assert.throws(
    () => setLink(rt, link, { mtu: 1_000_000 }),
    (error) =>
      isErrno(error, "EINVAL") &&
      error instanceof Error &&
      error.message ===
        'cannot set mtu 1000000 of "v0": EINVAL, invalid argument (kernel: mtu greater than device maximum)',
  );
  assert.throws(() => setLink(rt, link, { mac: "02:00" }), /02:00: invalid MAC address/);
  assert.throws(
    () => setLink(rt, link, { mac: "01:00:5e:00:00:01" }),
    (error) => isErrno(error, "EADDRNOTAVAIL"),
  );
  assert.equal(shown("v0")["mtu"], 1500);
  assert.equal(shown("v0")["address"], link.mac);
  assert.throws(
    () => setLink(rt, { index: 4711, name: "gone" }, { up: true }),
    (error) => isErrno(error, "ENODEV"),
  );
});

test("a deleted link is gone, and deleting it again is no error", async (t) => {
  const { rt, ip } = await scratch(t);
  ip("link", "add", "v0", "type", "veth", "peer", "name", "v1");
  const link = requireLink(rt, "v0");
  deleteLink(rt, link);
  assert.deepEqual(
    listLinks(rt).map(({ name }) => name),
    ["lo"],
  );
  deleteLink(rt, link);
  assert.throws(
    () => deleteLink(rt, requireLink(rt, "lo")),
    (error) => isErrno(error, "EOPNOTSUPP"),
  );
});

test("a veth pair has one end here and one in the other namespace, both down", async (t) => {
  const { rt, a, b, shown } = await scratch(t);
  const mac = "02:00:00:00:00:09";
  createVethPair(rt, { name: "eth0", mac, mtu: 1400, peerName: "veth0", peerNetns: b.netns.fd });
  const [here, there] = [requireLink(a.rt, "eth0"), requireLink(b.rt, "veth0")];
  assert.deepEqual(
    [here.kind, here.mac, here.mtu, here.up, there.kind, there.mtu, there.up],
    ["veth", mac, 1400, false, "veth", 1400, false],
  );
  assert.deepEqual([here.peerIndex, there.peerIndex], [there.index, here.index]);
  for (const [link, netns] of [
    [here, "a"],
    [there, "b"],
  ] as const) {
    assert.equal(shown(link.name, netns)["link_netnsid"], link.peerNetnsId);
    assert.ok(link.peerNetnsId !== undefined);
  }
  assert.notEqual(there.mac, mac);
});

test("a veth pair without MAC and MTU has the kernel's", async (t) => {
  const { rt, b } = await scratch(t);
  createVethPair(rt, { name: "eth0", mtu: 0, peerName: "veth0", peerNetns: b.netns.fd });
  assert.equal(requireLink(rt, "eth0").mtu, 1500);
  assert.match(requireLink(rt, "eth0").mac, /^(?!00:00:00:00:00:00)[0-9a-f:]{17}$/);
});

test("a pair whose name is taken, on either side, is not made", async (t) => {
  const { rt, a, b } = await scratch(t);
  const pair = { name: "eth0", mtu: 0, peerName: "veth0", peerNetns: b.netns.fd };
  createVethPair(rt, pair);
  for (const again of [
    { ...pair, peerName: "veth1" },
    { ...pair, name: "eth1" },
  ]) {
    assert.throws(
      () => createVethPair(rt, again),
      (error) =>
        isErrno(error, "EEXIST") && error instanceof Error && error.message.includes(`"${again.name}"`),
    );
  }
  assert.deepEqual([listLinks(a.rt).length, listLinks(b.rt).length], [2, 2]);
});
