/** macspoofchk against somebody with CAP_NET_RAW: frames that the bridge learns from, ARP and ND with others' senders. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { asObject, asString, type JsonObject, objectList, parse } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { cacheResult } from "../../harness/plugins/cached-result.ts";
import { callPlugin, type PluginResponse } from "../../harness/plugins/plugin-call.ts";
import {
  advertisement,
  arpReply,
  frame,
  macOf,
  option,
  routerSolicitation,
  sendFrame,
  solicitation,
  tagged,
  withExtension,
} from "../../harness/traffic/frames.ts";

const beyondPeer = { skip: expectPeer ? "the Go plugin differs here" : false };
const binDir = pluginFolder();
const config: JsonObject = {
  cniVersion: "1.1.0",
  name: "net1",
  type: "bridge",
  bridge: "bridge0",
  isGateway: true,
  macspoofchk: true,
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "fd00:12::/64" }]] },
};

function call(
  host: Host,
  command: "ADD" | "CHECK",
  container: string,
  extra: JsonObject = {},
): PluginResponse {
  const target = { containerId: container, netns: `/run/netns/${container}`, ifname: "eth0" };
  const environment = { command, path: binDir, ...target };
  return callPlugin(host, `${binDir}/bridge`, environment, { ...config, ...extra });
}

function attach(host: Host, container: string, extra: JsonObject = {}): JsonObject {
  host.addNetns(container);
  const { status, stdout, stderr, json } = call(host, "ADD", container, extra);
  assert.deepEqual([status, stderr], [0, ""], stdout);
  return asObject(json);
}

function ping(host: Host, from: string, to: string): boolean {
  return host.inNetns(from, "ping", ["-c1", "-W5", to], { check: false }).status === 0;
}

const victim = { ipv4: "10.1.2.2", ipv6: "fd00:12::2" };
const neighbour = { ipv4: "10.1.2.3", ipv6: "fd00:12::3" };

/** c1 the victim, c2 its neighbour, c3 with CAP_NET_RAW; `extra` is c3's own configuration. */
async function network(t: TestContext, extra: JsonObject = {}): Promise<Host> {
  const host = await hostFor(t);
  for (const container of ["c1", "c2"]) attach(host, container);
  attach(host, "c3", extra);
  // A neighbour believes a second answer at once.
  for (const key of ["net.ipv4.neigh.eth0.locktime=0", "net.ipv6.neigh.eth0.locktime=0"])
    host.inNetns("c2", "sysctl", ["-qw", key], { check: false });
  for (const to of [victim.ipv4, victim.ipv6]) assert.ok(ping(host, "c2", to), to);
  return host;
}

for (const made of ["by ADD", "beforehand"]) {
  test(
    `a bridge made ${made} does not learn where a MAC is from link-local frames`,
    beyondPeer,
    async (t) => {
      const host = await hostFor(t);
      if (made === "beforehand") host.run("ip", ["link", "add", "bridge0", "type", "bridge"]);
      for (const container of ["c1", "c2", "c3"]) attach(host, container);
      assert.ok(ping(host, "c2", victim.ipv4));
      for (const group of ["00", "02", "03", "0e"]) {
        const stolen = frame(
          `01:80:c2:00:00:${group}`,
          macOf(host, { netns: "c1" }),
          0x88cc,
          Buffer.alloc(46),
        );
        for (let times = 0; times < 5; times++) sendFrame(host, "c3", stolen);
        assert.ok(ping(host, "c2", victim.ipv4), `after frames to …:${group} in the name of c1`);
      }
    },
  );
}

test(
  "CHECK says when the bridge learns from link-local frames, and when the rules are gone",
  beyondPeer,
  async (t) => {
    const host = await hostFor(t);
    const prevResult = attach(host, "c1");
    const check = () => call(host, "CHECK", "c1", { prevResult });
    assert.equal(check().status, 0, check().stdout);
    const learn = (value: number) =>
      host.run("ip", ["link", "set", "bridge0", "type", "bridge", "no_linklocal_learn", `${value}`]);
    learn(0);
    const { json } = check();
    assert.equal(asObject(json)["code"], 105);
    assert.match(
      asString(asObject(json)["msg"]),
      /macspoofchk: bridge "bridge0" learns MACs from link-local frames/,
    );
    // The next ADD of a container that asks for it mends it.
    attach(host, "c2");
    assert.equal(check().status, 0, check().stdout);
    host.run("nft", ["flush", "ruleset"]);
    assert.match(asString(asObject(check().json)["msg"]), /macspoofchk: nothing checks/);
    learn(0);
    const list = { cniVersion: "1.1.0", name: "net1", plugins: [config] };
    cacheResult(host, { network: "net1", containerId: "c1" }, list, { result: prevResult });
    host.run(`${binDir}/bridge`, ["reapply"]);
    assert.equal(check().status, 0, check().stdout);
  },
);

test("a bridge without macspoofchk is left as it is", beyondPeer, async (t) => {
  const host = await hostFor(t);
  attach(host, "c1", { macspoofchk: false });
  const [bridge] = objectList(parse(host.run("ip", ["-j", "-d", "link", "show", "bridge0"]).stdout));
  const { info_data: data } = asObject(bridge?.["linkinfo"]);
  assert.equal(asObject(data)["no_linklocal_learn"], 0);
});

const forged = "02:00:00:00:66:66";

/** Frames from c3's own MAC that tell c2 another MAC for c1. */
function lies(host: Host): readonly { name: string; ip: string; bytes: Buffer }[] {
  const [own, to] = [macOf(host, { netns: "c3" }), macOf(host, { netns: "c2" })];
  const { ipv4, ipv6 } = victim;
  const arp = arpReply({ ip: ipv4, mac: forged }, { ip: neighbour.ipv4, mac: to });
  const advertised = advertisement(ipv6, neighbour.ipv6, option.targetAddress(forged));
  const hidden = advertisement(ipv6, neighbour.ipv6, option.nonce(), option.targetAddress(forged));
  const asked = solicitation(ipv6, neighbour.ipv6, option.sourceAddress(forged));
  const askedHidden = solicitation(ipv6, neighbour.ipv6, option.nonce(), option.sourceAddress(forged));
  const six = 0x86dd;
  return [
    { name: "ARP", ip: ipv4, bytes: frame(to, own, 0x0806, arp) },
    { name: "ARP in a priority tag", ip: ipv4, bytes: frame(to, own, 0x8100, tagged(0, 0x0806, arp)) },
    {
      name: "ARP in two priority tags",
      ip: ipv4,
      bytes: frame(to, own, 0x8100, tagged(0, 0x8100, tagged(0, 0x0806, arp))),
    },
    { name: "an advertisement", ip: ipv6, bytes: frame(to, own, six, advertised) },
    {
      name: "an advertisement in a priority tag",
      ip: ipv6,
      bytes: frame(to, own, 0x8100, tagged(0, six, advertised)),
    },
    { name: "an advertisement with another option first", ip: ipv6, bytes: frame(to, own, six, hidden) },
    {
      name: "an advertisement behind an extension header",
      ip: ipv6,
      bytes: frame(to, own, six, withExtension(advertised)),
    },
    { name: "a solicitation", ip: ipv6, bytes: frame(to, own, six, asked) },
    { name: "a solicitation with another option first", ip: ipv6, bytes: frame(to, own, six, askedHidden) },
  ];
}

function knownMac(host: Host, ip: string, place: { netns?: string } = {}): string {
  const [entry] = objectList(parse(host.run("ip", ["-j", "neigh", "show", ip], place).stdout));
  return asString(entry?.["lladdr"]);
}

for (const [checked, outcome] of [
  [true, "is not heard"],
  [false, "is heard, so that these tests mean something"],
] as const) {
  test(`ARP and ND with another MAC inside, macspoofchk ${checked}: ${outcome}`, beyondPeer, async (t) => {
    const host = await network(t, { macspoofchk: checked });
    for (const { name, ip, bytes } of lies(host)) {
      host.inNetns("c2", "ip", ["neigh", "flush", "dev", "eth0"]);
      assert.ok(ping(host, "c2", ip), `before ${name}`);
      const own = macOf(host, { netns: "c1" });
      assert.equal(knownMac(host, ip, { netns: "c2" }), own);
      sendFrame(host, "c3", bytes);
      // What c3 sends afterwards arrives afterwards.
      assert.ok(ping(host, "c3", neighbour.ipv4));
      assert.equal(knownMac(host, ip, { netns: "c2" }), checked ? own : forged, name);
    }
  });
}

test("a router solicitation does not tell the host another MAC", beyondPeer, async (t) => {
  const host = await network(t);
  assert.ok(ping(host, "c1", "fd00:12::1"));
  const own = macOf(host, { netns: "c1" });
  assert.equal(knownMac(host, victim.ipv6), own);
  const asked = routerSolicitation(victim.ipv6, "fd00:12::1", option.sourceAddress(forged));
  sendFrame(host, "c3", frame(macOf(host, {}, "bridge0"), macOf(host, { netns: "c3" }), 0x86dd, asked));
  assert.ok(ping(host, "c3", "fd00:12::1"));
  assert.equal(knownMac(host, victim.ipv6), own);
});

test(
  "containers with macspoofchk find each other, the gateway and duplicates by ARP and ND",
  beyondPeer,
  async (t) => {
    const host = await network(t, { enabledad: true });
    for (const from of ["c1", "c2", "c3"]) {
      host.inNetns(from, "ip", ["neigh", "flush", "dev", "eth0"]);
      for (const last of [1, 2, 3, 4].filter((number) => `c${number - 1}` !== from)) {
        assert.ok(ping(host, from, `10.1.2.${last}`), `${from} to ${last}`);
        assert.ok(ping(host, from, `fd00:12::${last}`), `${from} to ${last}, IPv6`);
      }
    }
    host.run("ip", ["neigh", "flush", "dev", "bridge0"]);
    for (const last of [2, 3, 4]) {
      assert.equal(host.run("ping", ["-c1", "-W30", `fd00:12::${last}`], { check: false }).status, 0);
    }
    // Somebody asks for the address of another: he is told that it is taken.
    host.inNetns("c3", "ip", ["address", "add", `${victim.ipv6}/64`, "dev", "eth0"]);
    const addresses = () => host.inNetns("c3", "ip", ["-6", "address", "show", "dev", "eth0"]).stdout;
    const deadline = Date.now() + 120_000;
    while (!addresses().includes("dadfailed") && Date.now() < deadline) host.run("sleep", ["0.1"]);
    assert.match(addresses(), /fd00:12::2\/64.* dadfailed/);
  },
);
