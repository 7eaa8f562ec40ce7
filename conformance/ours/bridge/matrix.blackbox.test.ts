/** Keys of bridge in combination: what ADD makes, CHECK finds right, and DEL takes away. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostFor } from "../../harness/host/host.ts";
import type { JsonObject } from "../../harness/host/json.ts";
import { snapshot } from "../../harness/host/snapshot.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { assertNothingLeft } from "../../harness/plugins/leaks.ts";
import { callPlugin } from "../../harness/plugins/plugin-call.ts";

const binDir = pluginFolder();
const bin = `${binDir}/bridge`;

const v4 = [{ subnet: "10.1.2.0/24" }];
const v6 = [{ subnet: "2001:db8:5::/64" }];
const hostLocal = (...ranges: unknown[]): JsonObject => ({ ipam: { type: "host-local", ranges } });

/** The choices for each group of keys. Absent ones come first. */
const choices: readonly (readonly JsonObject[])[] = [
  [{}, hostLocal(v4), hostLocal(v6), hostLocal(v4, v6)],
  [{}, { isGateway: true }, { isDefaultGateway: true }],
  [{}, { ipMasq: true, ipMasqBackend: "nftables" }, { ipMasq: true, ipMasqBackend: "iptables" }],
  [{}, { hairpinMode: true }, { promiscMode: true }],
  [{}, { mtu: 1400 }],
  [{}, { portIsolation: true }],
  [{}, { enabledad: true }],
  [{}, { forceAddress: true }],
  [{}, { runtimeConfig: { mac: "02:00:00:00:00:09" } }],
  [{}, { dns: { nameservers: ["192.0.2.53"], search: [] } }],
];

/**
 * Combinations in which each pair of choices of different groups occurs: chosen greedily, always the same ones.
 */
function pairwise(): JsonObject[] {
  const open = new Set<string>();
  const pair = (a: number, x: number, b: number, y: number): string => `${a}.${x} ${b}.${y}`;
  for (const [a, left] of choices.entries()) {
    for (const [b, right] of choices.entries()) {
      if (a >= b) continue;
      for (const x of left.keys()) for (const y of right.keys()) open.add(pair(a, x, b, y));
    }
  }
  const configs: JsonObject[] = [];
  while (open.size > 0) {
    const picked: number[] = [];
    for (const [group, options] of choices.entries()) {
      let best = { option: 0, gain: -1 };
      for (const option of options.keys()) {
        // With nothing to gain, whatever is in a pair that is still open.
        const inOpen = [...open].filter((text) => ` ${text} `.includes(` ${group}.${option} `)).length / 1000;
        const gain = picked.filter((x, earlier) => open.has(pair(earlier, x, group, option))).length + inOpen;
        if (gain > best.gain) best = { option, gain };
      }
      picked.push(best.option);
    }
    for (const [a, x] of picked.entries()) {
      for (const [b, y] of picked.entries()) if (a < b) open.delete(pair(a, x, b, y));
    }
    configs.push(Object.assign({}, ...picked.map((option, group) => choices[group]?.[option])));
  }
  return configs;
}

const head = { cniVersion: "1.0.0", name: "net1", type: "bridge", bridge: "bridge0" };

test("keys in combination", async (t) => {
  const configs = pairwise();
  assert.ok(configs.length >= 12, `${configs.length} combinations`);
  for (const keys of configs) {
    await t.test(JSON.stringify(keys), async (inner) => {
      const host = await hostFor(inner);
      const call = { containerId: "c1", netns: host.addNetns("c1"), ifname: "eth0" };
      const config = { ...head, ...keys };
      const before = snapshot(host);
      const added = callPlugin(host, bin, { command: "ADD", ...call }, config);
      assert.deepEqual([added.status, added.stderr], [0, ""], added.stdout);
      // The Go plugin's CHECK fails in layer 2 mode.
      if (!(expectPeer && !("ipam" in keys))) {
        const checked = callPlugin(
          host,
          bin,
          { command: "CHECK", ...call },
          { ...config, prevResult: added.json },
        );
        assert.deepEqual([checked.status, checked.stdout], [0, ""]);
      }
      for (const when of ["after DEL", "after the second DEL"]) {
        const deleted = callPlugin(host, bin, { command: "DEL", ...call }, config);
        assert.deepEqual([deleted.status, deleted.stdout], [0, ""]);
        assertNothingLeft(host, before, "bridge0", when);
      }
      assert.equal(host.inNetns("c1", "ip", ["-br", "link", "show", "type", "veth"]).stdout, "");
    });
  }
});
