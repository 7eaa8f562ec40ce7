/** bridge killed at one system call after another: the DEL that follows finds everything. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import { ipJson } from "../../harness/host/inspect.ts";
import { snapshot } from "../../harness/host/snapshot.ts";
import { waitUntil } from "../../harness/host/wait.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { assertNothingLeft } from "../../harness/plugins/leaks.ts";
import { callPlugin, type PluginCall, pluginEnvironment } from "../../harness/plugins/plugin-call.ts";

const binDir = pluginFolder();
const bin = `${binDir}/bridge`;
const common = {
  cniVersion: "1.0.0",
  name: "net1",
  type: "bridge",
  bridge: "bridge0",
  isDefaultGateway: true,
  ipMasq: true,
  ipam: { type: "host-local", ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:5::/64" }]] },
};

const configs = {
  iptables: { ...common, ipMasqBackend: "iptables" },
  "nftables and checked MACs": { ...common, ipMasqBackend: "nftables", macspoofchk: true },
};

/** What changes something, or starts somebody who does: netlink, namespaces, children, files and the result. */
const calls = ["sendto", "setns", "clone", "clone3", "vfork", "write"];
/** More than any of them is made. */
const most = 80;

/** Runs bridge under strace, which kills it when it makes a call for the nth time. Returns false when it was not. */
function killedAt(host: Host, config: unknown, systemCall: string, nth: number, call: PluginCall): boolean {
  const inject = `inject=${systemCall}:signal=SIGKILL:when=${nth}`;
  const args = ["-qq", "-o", "/dev/null", "-e", `trace=${systemCall}`, "-e", inject, bin];
  const done = host.run("strace", args, {
    input: JSON.stringify(config),
    env: pluginEnvironment(bin, call),
    check: false,
  });
  return done.status !== 0;
}

/** Children that a killed bridge has left finish what they do. */
async function childrenGone(host: Host): Promise<void> {
  const names = ["host-local", "iptables-restore", "ip6tables-restore"];
  await waitUntil(
    "children of a killed bridge end",
    () => host.run("pgrep", ["-f", names.join("|")], { check: false }).stdout === "",
  );
}

for (const [what, config] of Object.entries(configs)) {
  for (const systemCall of calls) {
    test(`${what}: ADD killed at each ${systemCall}, then DEL`, async (t) => {
      if (expectPeer) return;
      const host = await hostFor(t);
      const before = snapshot(host);
      let nth = 1;
      for (; nth <= most; nth++) {
        const container = `c${nth}`;
        const call = { containerId: container, netns: host.addNetns(container), ifname: "eth0" };
        const killed = killedAt(host, config, systemCall, nth, { command: "ADD", ...call });
        const deleted = callPlugin(host, bin, { command: "DEL", ...call }, config);
        assert.deepEqual([deleted.status, deleted.stdout], [0, ""], `DEL after ${systemCall} ${nth}`);
        await childrenGone(host);
        assert.deepEqual(ipJson(host, ["link", "show", "type", "veth"], container), []);
        host.delNetns(container);
        assertNothingLeft(host, before, "bridge0", `after ${systemCall} ${nth}`);
        if (!killed) break;
      }
      assert.ok(nth <= most, "an ADD was not killed in the end");
      t.diagnostic(`${nth - 1} places`);
    });
  }
}
