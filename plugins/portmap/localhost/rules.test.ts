import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRuleset } from "../../../shared/iptables/ruleset.ts";
import { planGuard, planGuardRemoval } from "./rules.ts";

const empty = "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n";
const jump =
  '-d 127.0.0.0/8 ! -i lo -m comment --comment "CNI portfwd: for the host alone" -j CNI-HOSTPORT-LOCAL';
const guard = (owner: string, name = "cni0") =>
  `-i ${name} -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -m comment --comment ${owner} -j DROP`;
const opened = (name = "cni0") => `-i ${name} -m comment --comment "route_localnet was 0"`;
const table = (...rules: string[]) =>
  parseRuleset(
    [
      ...["*filter", ":INPUT ACCEPT [0:0]", ":CNI-HOSTPORT-LOCAL - [0:0]", `-A INPUT ${jump}`],
      ...rules.map((rule) => `-A CNI-HOSTPORT-LOCAL ${rule}`),
      ...["COMMIT", ""],
    ].join("\n"),
  );
const lines = (text: string) => text.split("\n").slice(1, -2);

test("the first container makes the chain, and notes that the interface was closed; a second call adds nothing", () => {
  assert.deepEqual(lines(planGuard(parseRuleset(empty), "n/c1/eth0", "cni0", true).toText("filter")), [
    "-N CNI-HOSTPORT-LOCAL",
    `-A CNI-HOSTPORT-LOCAL ${guard("n/c1/eth0")}`,
    `-A CNI-HOSTPORT-LOCAL ${opened()}`,
    `-I INPUT 1 ${jump}`,
  ]);
  assert.equal(planGuard(table(guard("n/c1/eth0"), opened()), "n/c1/eth0", "cni0", false).isEmpty, true);
});

test("with an interface's last container the setting goes, with the very last one the chain", () => {
  const both = table(guard("n/c1/eth0"), opened(), guard("n/c2/eth0"), guard("n/c3/eth0", "cni1"));
  const first = planGuardRemoval(both, (owner) => owner === "n/c1/eth0");
  assert.deepEqual(lines(first.transaction.toText("filter")), [
    `-D CNI-HOSTPORT-LOCAL ${guard("n/c1/eth0")}`,
  ]);
  assert.deepEqual(first.closing, []);
  const two = planGuardRemoval(both, (owner) => owner !== "n/c3/eth0");
  assert.deepEqual(two.closing, ["cni0"]);
  assert.ok(!two.transaction.toText("filter").includes("-X"));
  const all = planGuardRemoval(both, () => true);
  assert.deepEqual(all.closing, ["cni0"]);
  assert.deepEqual(lines(all.transaction.toText("filter")).slice(-2), [
    `-D INPUT ${jump}`,
    "-X CNI-HOSTPORT-LOCAL",
  ]);
  assert.equal(planGuardRemoval(parseRuleset(empty), () => true).transaction.isEmpty, true);
});
