/** Whatever is damaged, CHECK says it in words, and the next ADD repairs it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostFor } from "../../../conformance/harness/host/host.ts";
import { parseIp } from "../../../shared/ip/address.ts";
import { inNetns, openNetns } from "../../../shared/linux/netns.ts";
import { openNftables } from "../../../shared/nftables/client.ts";
import type { Admission } from "../attachment.ts";
import { differenceFromTables } from "./difference.ts";
import { addToRuleset } from "./ruleset.ts";

const inet = "inet cni_firewall";
const bridge = "bridge cni_firewall";

/** What is done to the ruleset, and what is said of it. */
const damages: readonly (readonly [string, string])[] = [
  ["flush ruleset", "table inet cni_firewall is missing"],
  [`delete table ${bridge}`, "table bridge cni_firewall is missing"],
  [`flush table ${inet}`, "chain inet cni_firewall isolation has lost its rules"],
  [
    `flush chain ${inet} forward; delete chain ${inet} admin`,
    "chain inet cni_firewall forward has lost its rules",
  ],
  [`flush chain ${inet} forward; delete chain ${inet} forward`, "chain inet cni_firewall forward is missing"],
  [
    `insert rule ${inet} forward drop`,
    "chain inet cni_firewall forward has other rules than the plugin makes",
  ],
  [`flush map ${inet} addresses4`, "10.0.0.2 is missing in map inet cni_firewall addresses4"],
  [
    `flush map ${inet} addresses6; add element ${inet} addresses6 { 2001:db8::2 comment "net/other/eth0" : accept }`,
    "2001:db8::2 in map inet cni_firewall addresses6 belongs to net/other/eth0, not to net/a/eth0",
  ],
  [
    `flush map ${inet} addresses6; add element ${inet} addresses6 { 2001:db8::2 comment "net/a/eth0" : accept }`,
    "2001:db8::2 in map inet cni_firewall addresses6 leads to no chain of a bridge, not to on-cni0",
  ],
  [`flush chain ${inet} on-cni0`, "chain inet cni_firewall on-cni0 has lost its rules"],
  [`flush set ${inet} bridges`, "bridge cni0 is missing in set inet cni_firewall bridges: it has no policy"],
  [
    `add element ${inet} same_bridge { "cni0" . "cni0" }`,
    "bridge cni0 has the policy same-bridge, not isolated",
  ],
  [`flush map ${bridge} ports`, "port veth-a is missing in map bridge cni_firewall ports"],
  [`flush set ${bridge} gateways`, "port gw100 of cni0.100 is missing in set bridge cni_firewall gateways"],
  [
    `flush set ${bridge} gateways; add element ${bridge} gateways { "gw9" comment "cni0.100" }`,
    "port gw100 of cni0.100 is missing in set bridge cni_firewall gateways",
  ],
  [`flush chain ${bridge} on-cni0`, "chain bridge cni_firewall on-cni0 has lost its rules"],
];

test("what is missing is named, and comes back with the next ADD", async (t) => {
  const host = await hostFor(t);
  const netns = openNetns(host.outside("/proc/1/ns/net"));
  t.after(() => netns.close());
  const nftables = inNetns(netns, openNftables);
  const addresses = ["10.0.0.2", "2001:db8::2"]
    .map((text) => parseIp(text))
    .filter((one) => one !== undefined);
  const gateways = [{ name: "cni0.100", port: "gw100" }];
  const isolation = { policy: "isolated", bridge: "cni0", ports: ["veth-a"], gateways } as const;
  const wanted: Admission = { comment: "net/a/eth0", addresses, isolation };
  const add = () => inNetns(netns, () => addToRuleset(wanted));
  add();
  const whole = host.run("nft", ["list", "ruleset"]).stdout;
  assert.equal(differenceFromTables(nftables, wanted), undefined);
  for (const [damage, text] of damages) {
    host.run("nft", ["-f", "-"], { input: damage.replaceAll("; ", "\n") });
    const damaged = host.run("nft", ["list", "ruleset"]).stdout;
    assert.equal(differenceFromTables(nftables, wanted), text, damage);
    assert.equal(host.run("nft", ["list", "ruleset"]).stdout, damaged, "CHECK writes nothing");
    add();
    assert.equal(differenceFromTables(nftables, wanted), undefined, `after ${damage}`);
    const repaired = host.run("nft", ["list", "ruleset"]).stdout;
    assert.deepEqual(repaired.split("\n").sort(), whole.split("\n").sort(), `after ${damage}`);
  }
});
