/** ADD and DEL killed at any step: DEL removes what is there of the container, and nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Command, pluginEnvironment } from "../../harness/plugin-call.ts";
import { type Backend, type Call, configOf, listing, network, succeed } from "./network.ts";
import { beyondPeer, ours, rules, tcp, udp } from "./setting.ts";

/** More than any call makes. */
const most = 200;

const cases: [Backend, string][] = [
  ["nftables", "sendto"],
  ["iptables", "sendto"],
  ["iptables", "write"],
];

for (const [backend, systemCall] of cases) {
  test(`${backend}: killed at each ${systemCall}, then DEL`, beyondPeer, async (t) => {
    const host = await network(t);
    const setting: Call = { backend, mappings: [tcp(8080, 80), udp(53, 53)] };
    succeed(host, "ADD", { backend, container: "c2", mappings: [tcp(8081, 80)] });
    const ruleset = () => ({ ...rules(host), nft: listing(host).replaceAll(/packets \d+ bytes \d+/g, "") });
    const before = ruleset();
    const killedAt = (command: Command, nth: number): boolean => {
      // Of each process of the call the nth one.
      const inject = `inject=${systemCall}:signal=SIGKILL:when=${nth}`;
      const options = ["-f", "-qq", "-o", "/dev/null", "-e", `trace=${systemCall}`, "-e", inject];
      const call = { command, containerId: "c1", netns: "/run/netns/c1", ifname: "eth0" };
      const env = pluginEnvironment(ours, call);
      const input = JSON.stringify(configOf(setting));
      return host.run("strace", [...options, ours], { input, env, check: false }).status !== 0;
    };
    for (const command of ["ADD", "DEL"] as const) {
      let nth = 1;
      for (; nth <= most; nth++) {
        if (command === "DEL") succeed(host, "ADD", setting);
        const killed = killedAt(command, nth);
        succeed(host, "DEL", { ...setting, mappings: [] });
        assert.deepEqual(ruleset(), before, `${command} killed at ${systemCall} ${nth}`);
        if (!killed) break;
      }
      assert.ok(nth <= most, "a call was not killed in the end");
      t.diagnostic(`${command}: ${nth - 1} places`);
    }
  });
}
