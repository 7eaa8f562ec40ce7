/** The Go plugins and those under test on one host: a node can go over plugin by plugin, and back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostFor } from "../harness/host/host.ts";
import { leases } from "../harness/host/inspect.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { ensurePeer } from "../harness/plugins/peers.ts";
import { callPluginAsync } from "../harness/plugins/plugin-call.ts";
import { firstAddress } from "../harness/plugins/result.ts";
import { singleTurns, testTurns, wholeTurns } from "./taking-turns.ts";

const ours = pluginFolder();
const peers = ensurePeer().binDir;

testTurns(peers, [
  ...wholeTurns(),
  ...singleTurns(["bridge", "host-local", "portmap", "firewall", "tuning"]),
]);

test("both host-locals, two hundred ADDs beside each other, give no address twice", async (t) => {
  const host = await hostFor(t);
  const config = {
    cniVersion: "1.0.0",
    name: "shared",
    type: "host-local",
    ipam: { type: "host-local", ranges: [[{ subnet: "10.66.0.0/24" }]] },
  };
  const total = 200;
  const atOnce = 8;
  const given: string[] = [];
  for (let start = 0; start < total; start += atOnce) {
    const calls = Array.from({ length: atOnce }, async (_, index) => {
      const bin = `${index % 2 === 0 ? ours : peers}/host-local`;
      const call = {
        command: "ADD",
        containerId: `c${start + index}`,
        netns: "/none",
        ifname: "eth0",
      } as const;
      const { status, stdout, json } = await callPluginAsync(host, bin, call, config);
      assert.equal(status, 0, stdout);
      given.push(firstAddress(json));
    });
    await Promise.all(calls);
  }
  assert.equal(given.length, total);
  assert.equal(new Set(given).size, total);
  const leased = leases(host, "shared").map((lease) => lease.address);
  assert.deepEqual(leased.sort(), given.sort());
});
