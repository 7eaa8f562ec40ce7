/** The nftables backend, seen by packets: who reaches whom under every policy, with and without br_netfilter. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Host, hostFor } from "../../../conformance/harness/host/host.ts";
import {
  addOutside,
  fetchPage,
  outsideAddresses,
  serveHttp,
  skipDuplicateDetection,
} from "../../../conformance/harness/traffic/traffic.ts";
import { parseIp } from "../../../shared/ip/address.ts";
import { inNetns, openNetns } from "../../../shared/linux/netns.ts";
import type { IsolationPolicy } from "../isolation.ts";
import { addToRuleset, removeFromRuleset } from "./ruleset.ts";

/** c1, c2 and c3 on bridge A, c4 on bridge B, c5 on C, which never has a policy. */
const containers = {
  c1: { bridge: "A", four: "10.0.0.2", six: "fd00:0::2" },
  c2: { bridge: "A", four: "10.0.0.4", six: "fd00:0::4" },
  c3: { bridge: "A", four: "10.0.0.3", six: "fd00:0::3" },
  c4: { bridge: "B", four: "10.0.1.2", six: "fd00:1::2" },
  c5: { bridge: "C", four: "10.0.2.2", six: "fd00:2::2" },
} as const;
type Name = keyof typeof containers;
const names = ["c1", "c2", "c3", "c4", "c5"] as const;

async function hostWithBridges(t: TestContext) {
  const host = await hostFor(t);
  skipDuplicateDetection(host);
  addOutside(host);
  for (const name of ["ipv4.ip_forward", "ipv6.conf.all.forwarding"])
    host.run("sysctl", ["-qw", `net.${name}=1`]);
  const ip = (...args: string[]) => host.run("ip", args);
  ["A", "B", "C"].forEach((bridge, index) => {
    ip("link", "add", bridge, "type", "bridge");
    ip("address", "add", `10.0.${index}.1/24`, "dev", bridge);
    ip("address", "add", `fd00:${index}::1/64`, "dev", bridge, "nodad");
    ip("link", "set", bridge, "up");
  });
  for (const name of names) {
    const { bridge, four, six } = containers[name];
    host.addNetns(name);
    skipDuplicateDetection(host, { netns: name });
    ip("link", "add", `veth-${name}`, "type", "veth", "peer", "name", "eth0", "netns", name);
    ip("link", "set", `veth-${name}`, "up", "master", bridge);
    const inside = (...args: string[]) => host.inNetns(name, "ip", args);
    inside("address", "add", `${four}/24`, "dev", "eth0");
    inside("address", "add", `${six}/64`, "dev", "eth0", "nodad");
    for (const link of ["lo", "eth0"]) inside("link", "set", link, "up");
    inside("route", "add", "default", "via", four.replace(/\d+$/, "1"));
    inside("route", "add", "default", "via", six.replace(/\d+$/, "1"));
    await serveHttp(host, name, 80, name);
  }
  for (const via of [outsideAddresses.host.ipv4, outsideAddresses.host.ipv6]) {
    const subnet = via.includes(":") ? "fd00::/16" : "10.0.0.0/8";
    host.inNetns("outside", "ip", ["route", "add", subnet, "via", via]);
  }
  await serveHttp(host, "outside", 80, "outside");
  return host;
}

function attach(t: TestContext, host: Host, name: Name, policy?: IsolationPolicy): () => void {
  const netns = openNetns(host.outside("/proc/1/ns/net"));
  t.after(() => netns.close());
  const { bridge, four, six } = containers[name];
  const addresses = [four, six].map((text) => parseIp(text)).filter((address) => address !== undefined);
  const isolation = policy && { isolation: { policy, bridge, ports: [`veth-${name}`] } };
  inNetns(netns, () => addToRuleset({ comment: `net/${name}/eth0`, addresses, ...isolation }));
  return () => inNetns(netns, () => removeFromRuleset({ network: "net", containerId: name, ifname: "eth0" }));
}

type Place = Name | "outside";

/**
 * Whether a container, the outside or the host reaches a target: with both families alike. What nothing keeps from
 * answering has longer than what should not answer, since a busy machine is slow.
 */
async function reaches(host: Host, from: Place | "host", to: Place, seconds = 30): Promise<boolean> {
  const { four, six } =
    to === "outside"
      ? { four: outsideAddresses.outside.ipv4, six: outsideAddresses.outside.ipv6 }
      : containers[to];
  const options = ["--silent", "--max-time", String(seconds), "--noproxy", "*", "--output", "/dev/null"];
  const place = from === "host" ? {} : { netns: from };
  const results = await Promise.all(
    [four, `[${six}]`].map((name) =>
      host.runAsync("curl", [...options, `http://${name}:80/`], { ...place, check: false }),
    ),
  );
  const answers = results.map(({ status }) => status === 0);
  assert.equal(answers[0], answers[1], `${from} to ${to}: IPv4 ${answers[0]}, IPv6 ${answers[1]}`);
  return answers[0] === true;
}

function setBrNetfilter(host: Host, value: 0 | 1): void {
  for (const tool of ["iptables", "ip6tables"]) {
    host.run("sysctl", ["-qw", `net.bridge.bridge-nf-call-${tool}=${value}`]);
  }
}

/** What the policies are for; beyond it nothing may change. */
const policies: Record<string, { policy?: IsolationPolicy; neighbour: boolean; otherBridge: boolean }> = {
  open: { neighbour: true, otherBridge: true },
  "same-bridge": { policy: "same-bridge", neighbour: true, otherBridge: false },
  isolated: { policy: "isolated", neighbour: false, otherBridge: false },
};

for (const brNetfilter of [0, 1] as const) {
  for (const [name, { policy, neighbour, otherBridge }] of Object.entries(policies)) {
    test(`${name}, br_netfilter ${brNetfilter}`, async (t) => {
      const host = await hostWithBridges(t);
      setBrNetfilter(host, brNetfilter);
      const detach = (["c1", "c3", "c4"] as const).map((container) => attach(t, host, container, policy));
      attach(t, host, "c5");
      const expect = async (from: Place | "host", to: Place, expected: boolean) =>
        assert.equal(await reaches(host, from, to, expected ? 30 : 2), expected, `${from} to ${to}`);
      await expect("c1", "c3", neighbour);
      await expect("c3", "c1", neighbour);
      await expect("c1", "c4", otherBridge);
      await expect("c4", "c1", otherBridge);
      // Nothing else is concerned.
      await expect("c1", "c5", true);
      await expect("c5", "c1", true);
      await expect("outside", "c1", true);
      await expect("c1", "outside", true);
      await expect("host", "c1", true);
      assert.equal(host.run("ping", ["-c1", "-W30", "10.0.1.1"], { netns: "c1" }).status, 0);

      // A drop in the table, as FORWARD DROP is with iptables: only what is accepted passes.
      host.run("nft", ["chain inet cni_firewall forward { policy drop; }"]);
      await expect("c1", "outside", true);
      await expect("outside", "c1", false);
      await expect("c1", "c4", otherBridge);
      host.run("nft", ["chain inet cni_firewall forward { policy accept; }"]);

      for (const remove of detach) remove();
      await expect("c1", "c3", true);
      await expect("c1", "c4", true);
    });
  }
}

test("an isolated container and a neighbour without a policy do not reach each other", async (t) => {
  const host = await hostWithBridges(t);
  setBrNetfilter(host, 0);
  attach(t, host, "c1", "isolated");
  assert.ok(!(await reaches(host, "c1", "c2", 2)));
  assert.ok(!(await reaches(host, "c2", "c1", 2)));
  assert.ok(await reaches(host, "c2", "c3"), "neither of them asked for it");
});

test("the admin chain decides before acceptance, isolation before the admin chain", async (t) => {
  const host = await hostWithBridges(t);
  attach(t, host, "c1");
  host.run("nft", ["add rule inet cni_firewall admin ip daddr 192.0.2.2 drop"]);
  host.run("nft", ["add rule inet cni_firewall admin ip6 daddr 2001:db8:ffff::2 drop"]);
  assert.ok(!(await reaches(host, "c1", "outside", 2)));
  host.run("nft", ["flush chain inet cni_firewall admin"]);
  assert.ok(await reaches(host, "c1", "outside"));
  attach(t, host, "c1", "same-bridge");
  attach(t, host, "c4", "same-bridge");
  host.run("nft", ["add rule inet cni_firewall admin accept"]);
  assert.ok(!(await reaches(host, "c1", "c4", 2)), "as with iptables");
});

test("another table's drop is stronger than this one's accept", async (t) => {
  const host = await hostWithBridges(t);
  attach(t, host, "c1");
  host.run("nft", ["-f", "-"], {
    input: "table inet other { chain forward { type filter hook forward priority 10; policy drop; }; }",
  });
  assert.ok(!(await reaches(host, "c1", "outside", 2)));
  host.run("nft", ['add rule inet other forward iifname "A" accept']);
  host.run("nft", ["add rule inet other forward ct state established,related accept"]);
  assert.ok(await reaches(host, "c1", "outside"), "its administrator has to accept them there");
  assert.equal(
    fetchPage(host, "http://192.0.2.2:80/", { netns: "c1" }).client,
    "10.0.0.2",
    "nothing is translated",
  );
});
