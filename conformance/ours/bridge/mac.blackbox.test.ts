/** The MAC of a bridge, which containers have in their neighbour tables and results tell, stays what it was. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { ipJson } from "../../harness/host/inspect.ts";
import { asObject, asString, type JsonObject, objectList } from "../../harness/host/json.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";
import { callPlugin } from "../../harness/plugins/plugin-call.ts";

const ours = pluginFolder();
const skip = expectPeer ? "the older Go plugins do not fix it everywhere" : false;
const noMac = "00:00:00:00:00:00";
const ranges4 = [{ subnet: "10.1.2.0/24" }];
const ranges6 = [{ subnet: "2001:db8:5::/64" }];

function config(more: JsonObject, ranges: unknown = [ranges4]): JsonObject {
  const ipam = { type: "host-local", ranges };
  return { cniVersion: "1.0.0", name: "net1", type: "bridge", bridge: "br0", ipam, ...more };
}

const mac = (host: Host): string => asString(ipJson(host, ["link", "show", "dev", "br0"])[0]?.["address"]);

type Call = { command: "ADD" | "DEL" | "CHECK"; id: string; prevResult?: JsonObject; folder?: string };

function run(host: Host, { command, id, prevResult, folder = ours }: Call, conf: JsonObject): JsonObject {
  const call = { command, containerId: id, netns: `/run/netns/${id}`, ifname: "eth0" } as const;
  const done = callPlugin(host, `${folder}/bridge`, call, { ...conf, ...(prevResult && { prevResult }) });
  assert.deepEqual([done.status, done.stderr], [0, ""], done.stdout);
  return command === "ADD" ? asObject(done.json) : {};
}

/** A port with a MAC below all others, whose MAC a bridge takes that has none of its own. */
function joinLowest(host: Host): void {
  host.run("ip", [
    "link",
    "add",
    "low",
    "address",
    "02:00:00:00:00:00",
    "type",
    "veth",
    "peer",
    "name",
    "low2",
  ]);
  host.run("ip", ["link", "set", "low", "master", "br0"]);
}

const reported = (result: JsonObject) =>
  objectList(result["interfaces"]).find(({ name }) => name === "br0")?.["mac"];

const kinds: [what: string, more: JsonObject, ranges?: unknown][] = [
  ["with a gateway", { isGateway: true }],
  ["with two gateways", { isGateway: true }, [ranges4, ranges6]],
  ["without a gateway", {}],
];

for (const [what, more, ranges] of kinds) {
  test(`a bridge that we make, ${what}: its MAC stays with ports that come and go, and CHECK passes`, {
    skip,
  }, async (t) => {
    const host = await hostFor(t);
    host.addNetns("c1");
    host.addNetns("c2");
    const conf = config(more, ranges);
    const prevResult = run(host, { command: "ADD", id: "c1" }, conf);
    const first = mac(host);
    assert.equal(reported(prevResult), first);
    joinLowest(host);
    run(host, { command: "ADD", id: "c2" }, conf);
    assert.equal(mac(host), first);
    run(host, { command: "CHECK", id: "c1", prevResult }, conf);
    run(host, { command: "DEL", id: "c2" }, conf);
    run(host, { command: "DEL", id: "c1" }, conf);
    host.run("ip", ["link", "del", "low"]);
    assert.equal(mac(host), first, "without ports");
  });
}

for (const [what, present] of [
  ["all gateway addresses are there", ["10.1.2.1/24", "2001:db8:5::1/64"]],
  ["the IPv4 one is there", ["10.1.2.1/24"]],
  ["none is there", []],
] satisfies [string, string[]][]) {
  for (const isZero of [false, true]) {
    test(`a bridge of others ${isZero ? "without a MAC " : ""}becomes a gateway, ${what}: its MAC is fixed`, {
      skip,
    }, async (t) => {
      const host = await hostFor(t);
      host.addNetns("c1");
      host.addNetns("c2");
      host.run("ip", ["link", "add", "br0", "type", "bridge"]);
      if (isZero) {
        joinLowest(host);
        host.run("ip", ["link", "del", "low"]);
        assert.equal(mac(host), noMac);
      }
      for (const address of present) host.run("ip", ["address", "add", address, "dev", "br0", "nodad"]);
      const before = mac(host);
      const conf = config({ isGateway: true }, [ranges4, ranges6]);
      const prevResult = run(host, { command: "ADD", id: "c1" }, conf);
      const fixed = mac(host);
      if (!isZero) assert.equal(fixed, before);
      assert.notEqual(fixed, noMac);
      assert.equal(reported(prevResult), fixed);
      joinLowest(host);
      assert.equal(mac(host), fixed, "with a port that has a lower one");
      run(host, { command: "ADD", id: "c2" }, conf);
      run(host, { command: "CHECK", id: "c1", prevResult }, conf);
      run(host, { command: "DEL", id: "c1" }, conf);
      run(host, { command: "DEL", id: "c2" }, conf);
      host.run("ip", ["link", "del", "low"]);
      assert.equal(mac(host), fixed, "without ports");
    });
  }
}

test("what the host knows of its neighbours on the bridge stays when a container is added", {
  skip,
}, async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  host.addNetns("c2");
  const conf = config({ isGateway: true });
  run(host, { command: "ADD", id: "c1" }, conf);
  const entry = ["10.1.2.99", "lladdr", "02:00:00:00:00:99", "dev", "br0"];
  host.run("ip", ["neigh", "add", ...entry, "nud", "permanent"]);
  run(host, { command: "ADD", id: "c2" }, conf);
  assert.match(host.run("ip", ["neigh", "show", "dev", "br0"]).stdout, /10\.1\.2\.99 lladdr .* PERMANENT/);
});

test("CHECK does not mind that a bridge of others without a gateway takes the MAC of a port", {
  skip,
}, async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  host.run("ip", ["link", "add", "br0", "type", "bridge"]);
  const prevResult = run(host, { command: "ADD", id: "c1" }, config({}));
  joinLowest(host);
  assert.notEqual(mac(host), reported(prevResult));
  run(host, { command: "CHECK", id: "c1", prevResult }, config({}));
});

test("a bridge that the Go plugin's newest release has made keeps the MAC that it has fixed", {
  skip,
}, async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  host.addNetns("c2");
  const folder = ensurePeer().binDir;
  const conf = config({ isGateway: true });
  const prevResult = run(host, { command: "ADD", id: "c1", folder }, conf);
  run(host, { command: "ADD", id: "c2" }, conf);
  assert.equal(mac(host), reported(prevResult));
  run(host, { command: "CHECK", id: "c1", prevResult, folder }, conf);
  run(host, { command: "CHECK", id: "c1", prevResult }, conf);
});
