/** What is published on 127.0.0.1 does not open the host's 127.0.0.1 to containers (the kind of CVE-2020-8558). */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Host } from "../../harness/host/host.ts";
import { callPlugin, callPluginAsync } from "../../harness/plugins/plugin-call.ts";
import { frame, macOf, sendFrame, tagged, udpPacket } from "../../harness/traffic/frames.ts";
import { serveHttp } from "../../harness/traffic/traffic.ts";
import {
  addressOf,
  assertPage,
  assertRefused,
  type Call,
  call,
  configOf,
  gateway,
  network,
  succeed,
  url,
} from "./network.ts";
import { beyondPeer, ours, peers, tcp } from "./setting.ts";

const other: Call = { container: "c2", mappings: [tcp(8081, 80)] };

/** A host with the network, that counts what comes to its 127.0.0.1 from outside of it. */
async function counting(t: TestContext, bridgeNetfilter = false): Promise<Host> {
  const host = await network(t, bridgeNetfilter);
  const input = `
table ip look {
  counter arrived {}
  chain input {
    type filter hook input priority 100
    iifname != "lo" ip daddr 127.0.0.0/8 udp dport 9999 counter name arrived
  }
}`;
  host.run("nft", ["-f", "-"], { input });
  return host;
}

/** How many of the frames by which c3 tries to get to a service on the host's 127.0.0.1 arrive there. */
function arrivals(host: Host): number {
  host.run("nft", ["reset", "counters", "table", "ip", "look"]);
  const [to, from] = [macOf(host, {}, "cni0"), macOf(host, { netns: "c3" })];
  const own = addressOf("c3", "ipv4");
  for (const [source, target] of [
    [own, "127.0.0.1"],
    [own, "127.0.0.53"],
    ["127.0.0.1", "127.0.0.1"],
  ] as const) {
    sendFrame(host, "c3", frame(to, from, 0x0800, udpPacket(source, target, 9999, "hello")));
  }
  const inTag = tagged(0, 0x0800, udpPacket(own, "127.0.0.1", 9999, "hello"));
  sendFrame(host, "c3", frame(to, from, 0x8100, inTag));
  // What is sent afterwards arrives afterwards.
  host.inNetns("c3", "ping", ["-c1", "-W2", gateway.ipv4]);
  const listing = host.run("nft", ["list", "counters", "table", "ip", "look"]).stdout;
  return Number(/packets (\d+)/.exec(listing)?.[1]);
}

function routeLocalnet(host: Host): string {
  return host.run("cat", ["/proc/sys/net/ipv4/conf/cni0/route_localnet"]).stdout.trim();
}

/** Only the test's own table is there, and iptables'. */
function guard(host: Host): string {
  return host.run("nft", ["list", "table", "ip", "cni_localhost"], { check: false }).stdout;
}

for (const backend of ["iptables", "nftables"] as const) {
  for (const bridgeNetfilter of [false, true]) {
    const beside = bridgeNetfilter ? ", with br_netfilter" : "";
    test(`${backend}: neighbours do not get to 127.0.0.1 of the host${beside}`, beyondPeer, async (t) => {
      const host = await counting(t, bridgeNetfilter);
      await serveHttp(host, "c1", 80, "c1");
      host.run("sysctl", ["-qw", "net.ipv4.conf.cni0.route_localnet=1"]);
      assert.notEqual(arrivals(host), 0, "the test can tell");
      host.run("sysctl", ["-qw", "net.ipv4.conf.cni0.route_localnet=0"]);
      succeed(host, "ADD", { backend });
      assertPage(host, undefined, url("127.0.0.1", 8080), "c1", gateway.ipv4);
      assert.equal(arrivals(host), 0);
      assertPage(host, undefined, url("127.0.0.1", 8080), "c1", gateway.ipv4);
      succeed(host, "CHECK", { backend });
      succeed(host, "DEL", { backend });
      assert.equal(arrivals(host), 0);
    });
  }

  test(
    `${backend}: the setting and the rule go with the last container that needs them`,
    beyondPeer,
    async (t) => {
      const host = await counting(t);
      await serveHttp(host, "c2", 80, "c2");
      const seen = () => [routeLocalnet(host), guard(host) !== ""];
      succeed(host, "ADD", { backend, keys: { snat: false } });
      assert.deepEqual(seen(), ["0", false], "nobody needs it");
      succeed(host, "DEL", { backend });
      for (const _ of [1, 2]) succeed(host, "ADD", { backend });
      succeed(host, "ADD", { backend, ...other });
      succeed(host, "DEL", { backend });
      assert.deepEqual(seen(), ["1", true]);
      assertPage(host, undefined, url("127.0.0.1", 8081), "c2");
      for (const _ of [1, 2]) succeed(host, "DEL", { backend, ...other });
      assert.deepEqual(seen(), ["0", false]);
      // GC in place of the last DEL.
      succeed(host, "ADD", { backend });
      const config = { ...configOf({ backend }), "cni.dev/valid-attachments": [] };
      assert.equal(callPlugin(host, ours, { command: "GC" }, config).status, 0);
      assert.deepEqual(seen(), ["0", false]);
    },
  );

  test(
    `${backend}: a setting of the node's own stays, and so does the guard while Go's containers need it`,
    beyondPeer,
    async (t) => {
      const host = await counting(t);
      host.run("sysctl", ["-qw", "net.ipv4.conf.cni0.route_localnet=1"]);
      succeed(host, "ADD", { backend });
      assert.equal(arrivals(host), 0);
      succeed(host, "DEL", { backend });
      assert.deepEqual([routeLocalnet(host), guard(host)], ["1", ""]);
      host.run("sysctl", ["-qw", "net.ipv4.conf.cni0.route_localnet=0"]);
      succeed(host, "ADD", { backend });
      const theirs: Call = { backend: "iptables", ...other };
      assert.equal(call(host, "ADD", theirs, peers).status, 0);
      succeed(host, "DEL", { backend });
      await serveHttp(host, "c2", 80, "c2");
      assertPage(host, undefined, url("127.0.0.1", 8081), "c2");
      assert.equal(arrivals(host), 0);
      succeed(host, "DEL", theirs);
      assert.deepEqual([routeLocalnet(host), guard(host)], ["0", ""]);
    },
  );

  test(`${backend}: containers that come and go at once`, beyondPeer, async (t) => {
    const host = await counting(t);
    await serveHttp(host, "c2", 80, "c2");
    const ids = Array.from({ length: 16 }, (_, index) => index);
    const last = (index: number) => 100 + index;
    for (const index of ids) {
      host.inNetns("c2", "ip", ["address", "add", `${addressOf(last(index), "ipv4")}/24`, "dev", "eth0"]);
    }
    const all = (command: "ADD" | "DEL", some: readonly number[]) =>
      Promise.all(
        some.map(async (index) => {
          const config = configOf({ backend, last: last(index), mappings: [tcp(9000 + index, 80)] });
          const target = { containerId: `id${index}`, netns: "/run/netns/c2", ifname: "eth0" };
          const { status, stdout } = await callPluginAsync(host, ours, { command, ...target }, config);
          assert.equal(status, 0, stdout);
        }),
      );
    await all("ADD", ids.slice(0, 8));
    await Promise.all([all("DEL", ids.slice(0, 8)), all("ADD", ids.slice(8))]);
    assert.equal(routeLocalnet(host), "1");
    assert.equal(arrivals(host), 0);
    for (const index of ids.slice(8)) assertPage(host, undefined, url("127.0.0.1", 9000 + index), "c2");
    await all("DEL", ids.slice(8));
    assert.deepEqual([routeLocalnet(host), guard(host)], ["0", ""]);
  });
}

test("a ruleset that was flushed: CHECK says so, reapply's ADD brings it back", beyondPeer, async (t) => {
  const host = await counting(t);
  const setting: Call = { backend: "nftables" };
  succeed(host, "ADD", setting);
  host.run("nft", ["delete", "table", "ip", "cni_localhost"]);
  assert.notEqual(arrivals(host), 0);
  assertRefused(host, "CHECK", setting, 105, /cni_localhost does not keep containers behind cni0/);
  succeed(host, "ADD", setting);
  assert.equal(arrivals(host), 0);
  succeed(host, "CHECK", setting);
});

test("where the setting is in force and cannot be written, ADD goes on", beyondPeer, async (t) => {
  const host = await counting(t);
  await serveHttp(host, "c1", 80, "c1");
  host.run("sysctl", ["-qw", "net.ipv4.conf.all.route_localnet=1"]);
  host.run("mount", ["-o", "bind,ro", "/proc/sys", "/proc/sys"]);
  succeed(host, "ADD", {});
  assertPage(host, undefined, url("127.0.0.1", 8080), "c1");
  assert.equal(arrivals(host), 0);
  succeed(host, "DEL", {});
});
