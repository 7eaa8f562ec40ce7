/** Ports that the Go plugin has published with nftables: ours checks them, and removes them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostFor } from "../../harness/host/host.ts";
import { nftJson } from "../../harness/host/inspect.ts";
import type { JsonObject } from "../../harness/host/json.ts";
import { ensurePeer, peerReleases } from "../../harness/plugins/peers.ts";
import { beyondPeer, call, ours, type Setting, succeed, tcp, udp, v4, v6 } from "./setting.ts";

const nftables = { backend: "nftables" };
const settings: [what: string, setting: Setting][] = [
  ["two ports of both families", { ips: [v4, v6], mappings: [tcp(8080, 80), udp(5353, 53)] }],
  ["a hostIP", { mappings: [tcp(8080, 80, "192.0.2.1"), tcp(8081, 80)] }],
  ["masqAll", { ips: [v4, v6], keys: { masqAll: true } }],
  ["no masquerading", { keys: { snat: false } }],
  ["a condition", { keys: { conditionsV4: ["ip", "saddr", "192.0.2.0/24"] } }],
];

for (const release of peerReleases) {
  const peer = `${ensurePeer(release).binDir}/portmap`;
  for (const [what, { keys = {}, ...rest }] of settings) {
    test(
      `v${release}, ${what}: CHECK passes, tells what is missing, and DEL leaves nothing`,
      beyondPeer,
      async (t) => {
        const host = await hostFor(t);
        const allKeys: JsonObject = { ...nftables, ...keys };
        const setting = { ...rest, keys: allKeys };
        succeed(host, peer, "ADD", { ...setting, containerId: "other", mappings: [tcp(9999, 99)] });
        const alone = rules(host).length;
        succeed(host, peer, "ADD", setting);
        succeed(host, ours, "CHECK", setting);
        const refused = (change: Partial<Setting>, why: string) => {
          const { status, stdout } = call(host, ours, "CHECK", { ...setting, ...change });
          assert.equal(status, 1, why);
          assert.match(stdout, /"code": 105/, why);
        };
        refused({ mappings: [tcp(8082, 80)] }, "another port");
        refused({ containerId: "c2id" }, "another container");
        refused({ ips: [{ address: "10.0.0.3/24", interface: 1 }] }, "another address");
        if (allKeys["snat"] !== false) {
          const [saved] = [host.run("nft", ["list", "table", "ip", "cni_hostport"]).stdout];
          host.run("nft", ["flush", "chain", "ip", "cni_hostport", "masquerading"]);
          refused({}, "no masquerading");
          host.run("nft", ["-f", "-"], { input: `delete table ip cni_hostport\n${saved}` });
          succeed(host, ours, "CHECK", setting);
        }
        for (const chain of ["prerouting", "output"])
          host.run("nft", ["flush", "chain", "ip", "cni_hostport", chain]);
        refused({}, "no hook leads there");
        succeed(host, ours, "DEL", setting);
        // With the jumps of the two chains gone, what is left is the other container's.
        assert.equal(rules(host).filter(({ comment }) => comment === "c1id").length, 0);
        assert.ok(rules(host).some(({ comment }) => comment === "other"));
        assert.ok(alone > 0);
      },
    );
  }
}

function rules(host: Parameters<typeof nftJson>[0]): JsonObject[] {
  return nftJson(host).flatMap(({ rule }) => (rule === undefined ? [] : [Object(rule)]));
}
