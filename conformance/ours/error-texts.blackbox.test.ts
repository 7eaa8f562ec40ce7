/** Errors whose whole text others' test suites compare: `msg` is the Go plugins', and nothing comes beside it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostFor } from "../harness/host/host.ts";
import { asObject, type JsonObject } from "../harness/host/json.ts";
import { pluginFolder, pluginNames } from "../harness/plugins/binaries.ts";
import { ensurePeer, peerReleases } from "../harness/plugins/peers.ts";
import { type Command, callPlugin } from "../harness/plugins/plugin-call.ts";

const ours = pluginFolder();
const call = { containerId: "c1", netns: "/run/netns/c1", ifname: "eth0" };
const network = { name: "net1", ipam: { type: "host-local", subnet: "10.1.2.0/24" } };

const tooNew: [Command, string][] = [
  ["CHECK", "0.3.1"],
  ["GC", "1.0.0"],
  ["STATUS", "1.0.0"],
];
const twoRanges = {
  type: "host-local",
  ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "10.1.3.0/24" }]],
};

test("a command that is newer than the configuration's version, and two addresses where one has room", async (t) => {
  const host = await hostFor(t);
  host.addNetns("c1");
  const texts = (folder: string) => {
    const said = (plugin: string, command: Command, config: JsonObject) => {
      const { status, json } = callPlugin(
        host,
        `${folder}/${plugin}`,
        { ...call, command },
        { ...network, type: plugin, ...config },
      );
      assert.equal(status, 1, `${plugin} ${command}`);
      const { code: _, ...words } = asObject(json);
      return `${plugin} ${command}: ${JSON.stringify(words)}`;
    };
    return [
      // The Go firewall does not speak 0.3.1.
      ...pluginNames.flatMap((plugin) =>
        tooNew
          .filter(([command]) => plugin !== "firewall" || command !== "CHECK")
          .map(([command, cniVersion]) => said(plugin, command, { cniVersion })),
      ),
      said("host-local", "ADD", { cniVersion: "0.2.0", ipam: twoRanges }),
    ];
  };
  for (const release of peerReleases)
    assert.deepEqual(texts(ours), texts(ensurePeer(release).binDir), release);
});
