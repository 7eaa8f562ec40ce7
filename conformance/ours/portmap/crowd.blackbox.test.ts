/** Fifty containers at once, while somebody else changes the same table all the time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host } from "../../harness/host/host.ts";
import { type Backend, type Call, listing, network, succeed, succeedTogether } from "./network.ts";
import { beyondPeer, choose, type Flavour, rules, tcp, udp } from "./setting.ts";

/**
 * Rounds as kube-proxy makes them, with a chain that it fills anew, one that it makes and deletes, and jumps at the top
 * of the built-in chains. Says in `/run/lost` what failed or was not there any more, in `/run/rounds` how far it got.
 */
const kubeProxy = `
say() { echo "$1, round $round" >> /run/lost; }
round=0
for tool in iptables ip6tables; do
  $tool -w 5 -t nat -N KUBE-SERVICES
  for chain in PREROUTING OUTPUT; do $tool -w 5 -t nat -I $chain -m comment --comment portals -j KUBE-SERVICES; done
done
while :; do
  round=$((round + 1))
  for tool in iptables ip6tables; do
    $tool-restore -w 5 --noflush --counters << END || say "$tool-restore failed"
*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-A - [0:0]
-A KUBE-SERVICES -p tcp --dport 443 -m comment --comment "round $round" -j KUBE-SVC-A
-A KUBE-SVC-A -j RETURN
COMMIT
END
    $tool -w 5 -t nat -N KUBE-SEP-$round || say "$tool -N failed"
    $tool -w 5 -t nat -A KUBE-SVC-A -j KUBE-SEP-$round || say "$tool -A failed"
    $tool -w 5 -t nat -S KUBE-SERVICES | grep -q "round $round\\"" || say "lost: the service"
    $tool -w 5 -t nat -S KUBE-SVC-A | grep -q "KUBE-SEP-$round\\$" || say "lost: the endpoint"
    $tool -w 5 -t nat -D KUBE-SVC-A -j KUBE-SEP-$round || say "$tool -D failed"
    $tool -w 5 -t nat -X KUBE-SEP-$round || say "$tool -X failed"
    for chain in PREROUTING OUTPUT; do
      $tool -w 5 -t nat -C $chain -m comment --comment portals -j KUBE-SERVICES || say "lost: the jump"
    done
  done
  echo $round > /run/rounds
done`;

function rounds(host: Host): number {
  return Number(host.run("cat", ["/run/rounds"], { check: false }).stdout);
}

const cases: [Backend, Flavour][] = [
  ["nftables", "nft"],
  ["iptables", "nft"],
  ["iptables", "legacy"],
];

for (const [backend, flavour] of cases) {
  const name = `${backend}: fifty containers at once, beside kube-proxy with iptables-${flavour}`;
  test(name, beyondPeer, async (t) => {
    const host = await network(t);
    choose(host, flavour);
    const settings = Array.from(
      { length: 50 },
      (_, index): Call => ({
        backend,
        containerId: `c${index}`,
        mappings: [tcp(8000 + index, 80), udp(8000 + index, 53)],
        last: 100 + index,
      }),
    );
    // The shared chains stay, as the manual says.
    succeed(host, "ADD", settings[0] ?? {});
    succeed(host, "DEL", settings[0] ?? {});
    const before = rules(host);
    const other = host.spawn("sh", ["-c", kubeProxy]);
    t.after(() => other.kill("SIGKILL"));

    await succeedTogether(host, "ADD", settings);
    for (const setting of settings) succeed(host, "CHECK", setting);
    await succeedTogether(host, "DEL", settings);
    await Promise.all(
      settings.map(async (setting) => {
        await succeedTogether(host, "ADD", [setting]);
        await succeedTogether(host, "DEL", [setting]);
      }),
    );

    assert.equal(other.exitCode, null);
    assert.ok(rounds(host) > 1, "the other one was at work");
    other.kill("SIGKILL");
    assert.equal(host.run("cat", ["/run/lost"], { check: false }).stdout, "");
    assert.doesNotMatch(listing(host, "ip cni_portmap"), /elements/);
    assert.doesNotMatch(listing(host, "ip6 cni_portmap"), /elements/);
    const after = rules(host);
    for (const family of ["ipv4", "ipv6"] as const) {
      const ours = after[family].filter((line) => !line.includes("KUBE-"));
      assert.deepEqual(ours, before[family]);
      assert.equal(after[family].filter((line) => line.includes("-j KUBE-SERVICES")).length, 2);
    }
  });
}

for (const backend of ["nftables", "iptables"] as const) {
  test(`${backend}: six DELs of one container at once`, beyondPeer, async (t) => {
    const host = await network(t);
    const setting: Call = { backend, mappings: [tcp(8080, 80), udp(53, 53)] };
    const neighbour: Call = { backend, container: "c2", mappings: [tcp(8081, 80)] };
    succeed(host, "ADD", neighbour);
    const before = [rules(host), listing(host)];
    succeed(host, "ADD", setting);
    await succeedTogether(host, "DEL", Array<Call>(6).fill(setting));
    assert.deepEqual([rules(host), listing(host)], before);
  });
}
