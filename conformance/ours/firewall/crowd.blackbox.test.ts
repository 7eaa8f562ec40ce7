/** Fifty containers at once in each backend, while somebody else changes the same table all the time. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Host, hostFor } from "../../harness/host/host.ts";
import type { JsonObject } from "../../harness/host/json.ts";
import { waitUntil } from "../../harness/host/wait.ts";
import { expectPeer, pluginFolder } from "../../harness/plugins/binaries.ts";
import { type Command, callPluginAsync } from "../../harness/plugins/plugin-call.ts";

const ours = `${pluginFolder()}/firewall`;
const count = 50;

/**
 * Rounds in table filter as kube-proxy makes them: a chain that is filled anew, one that is made and deleted, jumps at
 * the top of the built-in chains. Says in `/run/lost` what failed or was not there any more, in `/run/rounds` how far
 * it got.
 */
const kubeProxy = `
say() { echo "$1, round $round" >> /run/lost; }
round=0
for tool in iptables ip6tables; do
  $tool -w 9 -N KUBE-FORWARD
  for chain in INPUT FORWARD; do $tool -w 9 -I $chain -m comment --comment kubernetes -j KUBE-FORWARD; done
done
while :; do
  round=$((round + 1))
  for tool in iptables ip6tables; do
    $tool-restore -w 9 --noflush --counters << END || say "$tool-restore failed"
*filter
:KUBE-FORWARD - [0:0]
:KUBE-NODE-PORT - [0:0]
-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -m comment --comment "round $round" -j KUBE-NODE-PORT
-A KUBE-NODE-PORT -j RETURN
COMMIT
END
    $tool -w 9 -N KUBE-EXT-$round || say "$tool -N failed"
    $tool -w 9 -A KUBE-NODE-PORT -j KUBE-EXT-$round || say "$tool -A failed"
    $tool -w 9 -S KUBE-FORWARD | grep -q "round $round\\"" || say "lost: the rule"
    $tool -w 9 -S KUBE-NODE-PORT | grep -q "KUBE-EXT-$round\\$" || say "lost: the jump to the new chain"
    $tool -w 9 -D KUBE-NODE-PORT -j KUBE-EXT-$round || say "$tool -D failed"
    $tool -w 9 -X KUBE-EXT-$round || say "$tool -X failed"
    for chain in INPUT FORWARD; do
      $tool -w 9 -C $chain -m comment --comment kubernetes -j KUBE-FORWARD || say "lost: the jump of $chain"
    done
  done
  echo $round > /run/rounds
done`;

function rounds(host: Host): number {
  return Number(host.run("cat", ["/run/rounds"], { check: false }).stdout);
}

function configOf(index: number, backend: string): JsonObject {
  const policies = ["open", "same-bridge", "isolated"];
  const group = index % policies.length;
  const interfaces = [{ name: `cni${group}` }, { name: `veth${index}` }, { name: "eth0", sandbox: "/c" }];
  const ips = [`10.0.${group}.${index + 2}/24`, `fd00:${group}::${index + 2}/64`];
  return {
    ...{ cniVersion: "1.1.0", name: "mynet", type: "firewall", backend },
    ingressPolicy: policies[group] ?? "open",
    prevResult: { cniVersion: "1.1.0", interfaces, ips: ips.map((address) => ({ address })) },
  };
}

async function call(host: Host, command: Command, index: number, backend: string): Promise<void> {
  const plugin = { command, containerId: `c${index}`, netns: "/run/netns/c", ifname: "eth0" };
  const { status, stdout, stderr } = await callPluginAsync(host, ours, plugin, configOf(index, backend));
  assert.deepEqual([status, stderr], [0, ""], `${command} ${index}: ${stdout}`);
}

/** The lines of table filter of both families, without counters and what the loop has. */
function saved(host: Host): string[] {
  return ["iptables-save", "ip6tables-save"].flatMap((tool) =>
    host
      .run(tool, ["-t", "filter"])
      .stdout.split("\n")
      .filter((line) => /^[:-]/.test(line) && !line.includes("KUBE-"))
      .map((line) => line.replace(/ \[\d+:\d+\]$/, "")),
  );
}

async function hostWith(t: TestContext, flavour: "nft" | "legacy"): Promise<Host> {
  const host = await hostFor(t);
  for (const tool of ["iptables", "ip6tables"]) {
    for (const part of ["", "-save", "-restore"]) {
      host.run("ln", ["-sfn", `/usr/sbin/${tool}-${flavour}${part}`, `/etc/alternatives/${tool}${part}`]);
    }
  }
  host.addNetns("c");
  return host;
}

for (const [backend, flavour] of [
  ["nftables", "nft"],
  ["iptables", "nft"],
  ["iptables", "legacy"],
] as const) {
  const skip = expectPeer && "the Go plugin makes rules twice, and has no nftables backend";
  const name = `${backend}: ${count} containers at once, beside kube-proxy with iptables-${flavour}`;
  test(name, { skip }, async (t) => {
    const host = await hostWith(t, flavour);
    const all = Array.from({ length: count }, (_, index) => index);
    // The shared chains stay, as the manual says.
    for (const command of ["ADD", "DEL"] as const) await call(host, command, 2, backend);
    const before = saved(host);
    const other = host.spawn("sh", ["-c", kubeProxy]);
    t.after(() => other.kill("SIGKILL"));
    await waitUntil("the other one is at work", () => rounds(host) > 0);

    for (const command of ["ADD", "CHECK", "DEL"] as const) {
      await Promise.all(all.map((index) => call(host, command, index, backend)));
    }
    // Some come while others go.
    await Promise.all(
      all.map(async (index) => {
        for (const command of ["ADD", "DEL"] as const) await call(host, command, index, backend);
      }),
    );

    assert.equal(other.exitCode, null);
    const done = rounds(host);
    await waitUntil("another round is whole", () => rounds(host) > done);
    other.kill("SIGKILL");
    t.diagnostic(`${done} rounds of the other one`);
    assert.equal(host.run("cat", ["/run/lost"], { check: false }).stdout, "");
    assert.deepEqual(saved(host).toSorted(), before.toSorted(), "nothing of the containers, nothing twice");
    assert.doesNotMatch(host.run("nft", ["list", "ruleset"]).stdout, /mynet|"cni\d"|veth\d/);
    assert.equal(host.run("find", ["/run/cni", "-type", "f"], { check: false }).stdout, "");
  });
}
