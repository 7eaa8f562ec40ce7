/** What portmap sets on the host's interfaces, and what happens when many containers come and go at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../harness/host/host.ts";
import { callPluginAsync } from "../../harness/plugins/plugin-call.ts";
import { addOutside } from "../../harness/traffic/traffic.ts";
import { beyondPeer, configOf, hostWith, ours, rules, succeed, tcp, v4, v6 } from "./setting.ts";

const routeLocalnet = (host: Host, name: string) =>
  host.run("cat", [`/proc/sys/net/ipv4/conf/${name}/route_localnet`]).stdout.trim();

test("the interface that leads to the container takes packets from 127.0.0.1", async (t) => {
  const host = await hostWith(t, "nft");
  host.run("ip", ["link", "add", "cni0", "type", "bridge"]);
  host.run("ip", ["address", "add", "10.0.0.1/24", "dev", "cni0"]);
  host.run("ip", ["link", "set", "cni0", "up"]);
  succeed(host, ours, "ADD", { keys: { snat: false } });
  assert.equal(routeLocalnet(host, "cni0"), "0");
  succeed(host, ours, "ADD", {});
  assert.equal(routeLocalnet(host, "cni0"), "1");
});

test("an uplink does not take packets from 127.0.0.1", beyondPeer, async (t) => {
  const host = await hostWith(t, "nft");
  addOutside(host);
  succeed(host, ours, "ADD", {});
  assert.equal(routeLocalnet(host, "uplink0"), "0");
  host.run("ip", ["route", "replace", "default", "dev", "uplink0"]);
  succeed(host, ours, "ADD", {});
  assert.equal(routeLocalnet(host, "uplink0"), "0");
});

for (const flavour of ["nft", "legacy"] as const) {
  test(`${flavour}: twelve containers at once share chains that are made once`, beyondPeer, async (t) => {
    const host = await hostWith(t, flavour);
    const setting = (index: number) => ({ mappings: [tcp(8000 + index, 80)], ips: [v4, v6] });
    const indexes = Array.from({ length: 12 }, (_, index) => index);
    const all = async (command: "ADD" | "DEL") => {
      const calls = indexes.map((index) => {
        const environment = { command, containerId: `c${index}`, netns: "/run/netns/c1", ifname: "eth0" };
        return callPluginAsync(host, ours, environment, configOf(setting(index)));
      });
      for (const { status, stdout, stderr } of await Promise.all(calls)) {
        assert.equal(status, 0, `${command}: ${stdout}${stderr}`);
      }
    };
    await all("ADD");
    for (const lines of Object.values(rules(host))) {
      assert.equal(lines.length, new Set(lines).size, "no line is there twice");
    }
    for (const index of indexes)
      succeed(host, ours, "CHECK", { ...setting(index), containerId: `c${index}` });
    await all("DEL");
    const { ipv4, ipv6 } = rules(host);
    assert.deepEqual(
      [...ipv4, ...ipv6].filter((line) => line.includes("CNI-DN-")),
      [],
    );
  });
}
