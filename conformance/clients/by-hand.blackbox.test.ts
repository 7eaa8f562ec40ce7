import assert from "node:assert/strict";
import { test } from "node:test";
import { hostFor } from "../harness/host/host.ts";
import { ipJson } from "../harness/host/inspect.ts";
import { snapshot } from "../harness/host/snapshot.ts";
import { pluginFolder } from "../harness/plugins/binaries.ts";
import { pluginConfig } from "../harness/plugins/chain.ts";
import { conflistFiles, readConflist } from "../harness/plugins/conflist.ts";
import { assertNothingLeft } from "../harness/plugins/leaks.ts";
import { callPlugin } from "../harness/plugins/plugin-call.ts";
import { resultAddresses } from "../harness/plugins/result.ts";

const binDir = pluginFolder();

for (const file of conflistFiles().filter((name) => name !== "kubernetes-nftables.conflist")) {
  const list = readConflist(file);
  const [first = {}] = list.plugins;

  test(`${file}: its first plugin, piped by hand: cat conf | CNI_COMMAND=ADD … ${first["type"]}`, async (t) => {
    const host = await hostFor(t);
    const call = { containerId: "by-hand", netns: host.addNetns("c1"), ifname: "net0" };
    const bin = `${binDir}/${first["type"]}`;
    const config = JSON.stringify(pluginConfig(list, first), null, 2);
    const before = snapshot(host);

    const added = callPlugin(host, bin, { command: "ADD", ...call }, config);
    assert.equal(added.stderr, "");
    assert.equal(added.status, 0, added.stdout);
    const promised = resultAddresses(added.json);
    const shown = host.inNetns("c1", "ip", ["address", "show", "dev", "net0"]).stdout;
    for (const address of promised) assert.ok(shown.includes(` ${address} `), `${address} in ${shown}`);

    for (const when of ["after DEL", "after the second DEL"]) {
      const deleted = callPlugin(host, bin, { command: "DEL", ...call }, config);
      assert.deepEqual(deleted, { status: 0, signal: null, stdout: "", stderr: "", json: undefined });
      assert.deepEqual(ipJson(host, ["link", "show", "type", "veth"], "c1"), []);
      assertNothingLeft(host, before, list.bridge, when);
    }
  });
}
