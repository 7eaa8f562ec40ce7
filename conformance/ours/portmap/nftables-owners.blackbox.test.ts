/** Map `owners` of the nftables backend: DEL finds what is a container's at a cost that does not grow. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { Host } from "../../harness/host/host.ts";
import { type Command, pluginEnvironment } from "../../harness/plugins/plugin-call.ts";
import { assertRefused, type Call, configOf, listing, network, succeed } from "./network.ts";
import { beyondPeer, ours, tcp, udp } from "./setting.ts";

const bare = { cniVersion: "1.1.0", name: "mynet", type: "portmap" };

/** How often a call talks to the kernel's network subsystems. */
function networkCalls(host: Host, command: Command, containerId: string, config: object): number {
  const trace = `${host.tempDir()}/trace`;
  const call = { command, containerId, netns: "", ifname: "eth0" };
  const options = ["-f", "-qq", "-o", trace, "-e", "trace=%network"];
  const env = pluginEnvironment(ours, call);
  const { stdout } = host.run("strace", [...options, ours], { input: JSON.stringify(config), env });
  assert.equal(stdout, "");
  return readFileSync(host.outside(trace), "utf8").split("\n").length;
}

test("DEL asks the kernel as often beside a thousand ports as beside one", beyondPeer, async (t) => {
  const host = await network(t);
  // In a host without any connection DEL looks for none; the kernel's own packets may make one at any time.
  const connection = ["-p", "udp", "-s", "192.0.2.8", "-d", "192.0.2.9", "--sport", "9", "--dport", "9"];
  host.run("conntrack", ["-I", "-t", "600", ...connection]);
  const count = (config: object): number[] => {
    succeed(host, "ADD", { container: "c2", mappings: [tcp(8080, 80), udp(53, 53)] });
    return [networkCalls(host, "DEL", "c2", config), networkCalls(host, "DEL", "c2", config)];
  };
  const whole = configOf({ container: "c2" });
  const many = Array.from({ length: 1000 }, (_, index) => tcp(20_000 + index, 80));
  succeed(host, "ADD", { mappings: many.slice(0, 1) });
  const few = [...count(bare), ...count(whole)];
  succeed(host, "ADD", { mappings: many });
  assert.deepEqual([...count(bare), ...count(whole)], few);
  succeed(host, "CHECK", { mappings: many });
  succeed(host, "DEL", {});
  assert.doesNotMatch(listing(host), /elements/);
});

test("what several ADDs with other ports and addresses made goes with one DEL", beyondPeer, async (t) => {
  const host = await network(t);
  const calls: Call[] = [
    { mappings: [tcp(8080, 80), tcp(8081, 81, "192.0.2.1"), tcp(8082, 82)] },
    { mappings: [tcp(8082, 83), udp(53, 53)], keys: { markMasqBit: 5 } },
    { last: 12, mappings: [tcp(8080, 80), tcp(8083, 80, "2001:db8:ffff::1")], keys: { masqAll: true } },
    { last: 13, mappings: [tcp(8084, 80)], keys: { snat: false, conditionsV4: ["iifname", "eth9"] } },
  ];
  for (const call of calls) succeed(host, "ADD", call);
  succeed(host, "CHECK", calls[3] ?? {});
  assert.equal(networkCalls(host, "DEL", "c1", bare) > 0, true);
  assert.doesNotMatch(listing(host), /elements|_if_|from_/);
});

/** The tables as versions without the map made them. */
function makeOld(host: Host): void {
  const text = listing(host)
    .replaceAll(/\tmap (owners|waiting) \{[\s\S]*?\n\t\}\n/g, "")
    .replaceAll(", listed by owner", "");
  assert.doesNotMatch(text, /owner/);
  host.run("nft", ["-f", "-"], { input: `flush ruleset\n${text}` });
}

test("in tables of earlier versions DEL finds everything as well", beyondPeer, async (t) => {
  const host = await network(t);
  const old: Call = { mappings: [tcp(8080, 80), tcp(8081, 81, "192.0.2.1")] };
  const late: Call = { container: "c2", mappings: [tcp(8082, 80)] };
  succeed(host, "ADD", old);
  makeOld(host);
  succeed(host, "CHECK", old);
  succeed(host, "ADD", late);
  // Only a part of what it has is listed now.
  succeed(host, "ADD", { mappings: [tcp(8083, 80)] });
  succeed(host, "CHECK", late);
  for (const containerId of ["c1", "c2"]) networkCalls(host, "DEL", containerId, bare);
  assert.doesNotMatch(listing(host), /elements/);
});

test(
  "in tables without map waiting everything works, and it comes with the first ADD",
  beyondPeer,
  async (t) => {
    const host = await network(t);
    const setting: Call = { mappings: [tcp(8080, 80)] };
    const removeMap = () => {
      for (const family of ["ip", "ip6"])
        host.run("nft", ["delete", "map", family, "cni_portmap", "waiting"]);
    };
    succeed(host, "ADD", setting);
    removeMap();
    succeed(host, "CHECK", setting);
    succeed(host, "DEL", setting);
    assert.doesNotMatch(listing(host), /elements/);
    succeed(host, "ADD", setting);
    removeMap();
    const other: Call = { ...setting, network: "other", container: "c2", containerId: "c1", ifname: "eth1" };
    succeed(host, "ADD", other);
    for (const call of [setting, other]) succeed(host, "CHECK", call);
    succeed(host, "DEL", setting);
    succeed(host, "CHECK", other);
    succeed(host, "DEL", other);
    assert.doesNotMatch(listing(host), /elements/);
  },
);

test("CHECK misses an entry of owners, and ADD brings it back", beyondPeer, async (t) => {
  const host = await network(t);
  const setting: Call = { mappings: [tcp(8080, 80), tcp(8081, 80)] };
  succeed(host, "ADD", setting);
  const before = listing(host);
  const hash = /"([0-9a-f]{15})" \. 0x00000001/.exec(before)?.[1];
  for (const command of [
    ["flush", "map", "ip", "cni_portmap", "owners"],
    ["delete", "element", "ip6", "cni_portmap", "owners", "{", `"${hash}"`, ".", "0x1", "}"],
  ]) {
    host.run("nft", command);
    assertRefused(host, "CHECK", setting, 105, /entry of mynet\/c1\/eth0 not found in map ip6? cni_portmap/);
    succeed(host, "ADD", setting);
    succeed(host, "CHECK", setting);
    assert.equal(listing(host), before);
  }
  succeed(host, "DEL", {});
  assert.doesNotMatch(listing(host), /elements/);
});
