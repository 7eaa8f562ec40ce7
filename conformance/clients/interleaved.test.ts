/** The Go plugins and those under test on one host: a node can go over plugin by plugin, and back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { pluginFolder } from "../harness/binaries.ts";
import { type ChainStep, listResult, runList } from "../harness/chain.ts";
import { atLeast, type Conflist, conflistFiles, readConflist } from "../harness/conflist.ts";
import { type Host, hostFor } from "../harness/host.ts";
import { leases } from "../harness/inspect.ts";
import { assertNothingLeft } from "../harness/leaks.ts";
import { mixedFolder } from "../harness/mix.ts";
import { ensurePeer } from "../harness/peers.ts";
import { callPluginAsync } from "../harness/plugin-call.ts";
import { firstAddress } from "../harness/result.ts";
import { snapshot } from "../harness/snapshot.ts";

const ours = pluginFolder();
const peers = ensurePeer().binDir;
const capabilityArgs = {
  portMappings: [
    { hostPort: 8080, containerPort: 80, protocol: "tcp" },
    { hostPort: 5353, containerPort: 53, protocol: "udp" },
  ],
};

type Choice = (plugin: string) => string;

for (const file of conflistFiles().filter((name) => name !== "kubernetes-nftables.conflist")) {
  const list = readConflist(file);
  attachedByOneDetachedByAnother(
    list,
    `${file}: added by the Go plugins, ended by ours`,
    () => peers,
    () => ours,
  );
  attachedByOneDetachedByAnother(
    list,
    `${file}: added by ours, ended by the Go plugins`,
    () => ours,
    () => peers,
  );
}

const nerdctl = readConflist("nerdctl-bridge.conflist");
for (const one of ["bridge", "host-local", "portmap", "firewall", "tuning"]) {
  const onlyOne: Choice = (plugin) => (plugin === one ? ours : peers);
  attachedByOneDetachedByAnother(nerdctl, `after an ADD, ${one} alone becomes ours`, () => peers, onlyOne);
  attachedByOneDetachedByAnother(nerdctl, `after an ADD, ${one} alone goes back to Go`, onlyOne, () => peers);
}

function attachedByOneDetachedByAnother(list: Conflist, name: string, first: Choice, second: Choice): void {
  test(name, async (t) => {
    const host = await hostFor(t);
    const attachment = { containerId: "c1", netns: host.addNetns("c1"), ifname: "eth0", capabilityArgs };
    const adder = mixedFolder(host, first);
    const other = mixedFolder(host, second);
    const before = snapshot(host);

    const result = listResult(runList(host, (type) => `${adder}/${type}`, list, "ADD", attachment));
    const ended = (step: ChainStep) => `${step.plugin}: ${step.response.stdout}${step.response.stderr}`;
    const commands = atLeast(list.cniVersion, "0.4.0")
      ? (["CHECK", "DEL", "DEL"] as const)
      : (["DEL", "DEL"] as const);
    for (const command of commands) {
      const steps = runList(host, (type) => `${other}/${type}`, list, command, attachment, result);
      assert.deepEqual(
        steps.map(ended),
        steps.map((step) => `${step.plugin}: `),
        command,
      );
      assert.equal(steps.at(-1)?.response.status, 0, command);
      if (command !== "DEL") continue;
      if (first("firewall") === ours && second("firewall") === peers) forgetRecords(host);
      if (first("host-local") === ours && second("host-local") === peers) forgetOwners(host);
      assertNothingLeft(host, before, list.bridge, "after DEL");
    }
  });
}

/**
 * Our firewall keeps a record of whose address it let through. The Go plugin cannot know of it; it does no harm, and
 * goes when the address has another owner, with GC, or at the next boot.
 */
function forgetRecords(host: Host): void {
  host.run("rm", ["-rf", "/run/cni/firewall"]);
}

/** Our host-local keeps an index of its leases. After work of the Go plugin its next call makes it anew. */
function forgetOwners(host: Host): void {
  // One of the configurations has a dataDir of its own.
  host.run("rm", ["-rf", ...["/var/lib/cni/networks", "/run/ipam-state"].map((dir) => `${dir}/.host-local`)]);
}

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
