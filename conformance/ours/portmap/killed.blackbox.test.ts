/** ADD and DEL killed at any step: DEL removes what is there of the container, and nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../harness/host/host.ts";
import { type Command, pluginEnvironment } from "../../harness/plugins/plugin-call.ts";
import { type Backend, type Call, configOf, listing, network, succeed } from "./network.ts";
import { beyondPeer, ours, rules, tcp, udp } from "./setting.ts";

/** More than any call makes. */
const most = 200;

/** Kills each process of a call at its nth such system call. False when there are not that many. */
function killedAt(host: Host, command: Command, setting: Call, systemCall: string, nth: number): boolean {
  const inject = `inject=${systemCall}:signal=SIGKILL:when=${nth}`;
  const options = ["-f", "-qq", "-o", "/dev/null", "-e", `trace=${systemCall}`, "-e", inject];
  const call = { command, containerId: "c1", netns: "/run/netns/c1", ifname: "eth0" };
  const env = pluginEnvironment(ours, call);
  const input = JSON.stringify(configOf(setting));
  return host.run("strace", [...options, ours], { input, env, check: false }).status !== 0;
}

function ruleset(host: Host) {
  return { ...rules(host), nft: listing(host) };
}

/** Another network of the same container, with the same ports. */
const sibling: Call = {
  ...{ container: "c2", containerId: "c1", network: "other", ifname: "eth1" },
  mappings: [tcp(8080, 80), udp(53, 53)],
};

const stranger: Call = { container: "c3", mappings: [tcp(8081, 80)] };

const cases: [Backend, string, Call][] = [
  ["nftables", "sendto", stranger],
  ["nftables", "sendto", sibling],
  ["iptables", "sendto", stranger],
  ["iptables", "write", stranger],
  ["iptables", "write", sibling],
];

for (const [backend, systemCall, beside] of cases) {
  const title = beside === sibling ? "beside another network of the container, killed" : "killed";
  test(`${backend}: ${title} at each ${systemCall}, then DEL`, beyondPeer, async (t) => {
    const host = await network(t);
    const setting: Call = { backend, mappings: [tcp(8080, 80), udp(53, 53)] };
    succeed(host, "ADD", { backend, ...beside });
    const before = ruleset(host);
    for (const command of ["ADD", "DEL"] as const) {
      let nth = 1;
      for (; nth <= most; nth++) {
        if (command === "DEL") succeed(host, "ADD", setting);
        const killed = killedAt(host, command, setting, systemCall, nth);
        succeed(host, "DEL", { ...setting, mappings: [] });
        assert.deepEqual(ruleset(host), before, `${command} killed at ${systemCall} ${nth}`);
        if (!killed) break;
      }
      assert.ok(nth <= most, "a call was not killed in the end");
      t.diagnostic(`${command}: ${nth - 1} places`);
    }
  });
}

test("nftables: killed while ports go over to another network of the container", beyondPeer, async (t) => {
  const host = await network(t);
  const { mappings = [] } = sibling;
  // With its chains in use their order in the listing stays.
  succeed(host, "ADD", stranger);
  succeed(host, "ADD", { mappings });
  succeed(host, "ADD", sibling);
  succeed(host, "DEL", {});
  const after = ruleset(host);
  let nth = 1;
  for (; nth <= most; nth++) {
    succeed(host, "DEL", sibling);
    succeed(host, "ADD", { mappings });
    succeed(host, "ADD", sibling);
    const killed = killedAt(host, "DEL", {}, "sendto", nth);
    succeed(host, "CHECK", sibling);
    succeed(host, "DEL", {});
    assert.deepEqual(ruleset(host), after, `killed at ${nth}`);
    if (!killed) break;
  }
  assert.ok(nth <= most, "a call was not killed in the end");
  t.diagnostic(`${nth - 1} places`);
});
