/** What other tables do to containers' packets: reported where it is certain that they are dropped, else not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostFor } from "../../../conformance/harness/host/host.ts";
import { inNetns, openNetns } from "../../../shared/linux/netns.ts";
import { openNftables } from "../../../shared/nftables/client.ts";
import { findForwardDrop } from "./forward-drop.ts";

const base = "type filter hook forward priority filter;";
const dropping = (...rules: string[]) =>
  `table inet other { chain forward { ${base} policy drop; ${rules.join("; ")}${rules.length === 0 ? "" : ";"} }; }`;
const accepting = (...rules: string[]) => dropping(...rules).replace("policy drop", "policy accept");

interface Ruleset {
  readonly nft?: string;
  readonly iptables?: string;
}

const docker = `*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-BRIDGE - [0:0]
:DOCKER-CT - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
-A DOCKER-FORWARD -j DOCKER-BRIDGE
-A DOCKER-FORWARD -i br-0123456789ab -j ACCEPT
-A DOCKER-FORWARD -i docker0 -m comment --comment "to anywhere" -j ACCEPT
-A DOCKER-BRIDGE -o docker0 -j DOCKER
-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER ! -i docker0 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-USER -j RETURN
COMMIT
`;

const certain: Record<string, Ruleset> = {
  "Docker's FORWARD DROP": { iptables: docker },
  "FORWARD DROP and nothing else": { iptables: "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n" },
  "a last rule that rejects": {
    iptables:
      "*filter\n-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -j REJECT\nCOMMIT\n",
  },
  "policy drop": { nft: dropping() },
  "policy drop, but for answers": { nft: dropping("ct state established,related accept") },
  "policy drop, but for answers in a set": { nft: dropping("ct state { established, related } accept") },
  "policy drop, answers by a map": {
    nft: dropping("ct state vmap { established : accept, related : accept, invalid : drop }"),
  },
  "policy drop, but for translated connections": { nft: dropping("ct status dnat accept") },
  "policy drop, but for the loopback interface": { nft: dropping('iifname "lo" accept') },
  "an unconditional drop": { nft: accepting("counter", 'log prefix "x"', "drop") },
  "an unconditional reject": { nft: accepting("reject with icmpx admin-prohibited") },
  "in a chain below": {
    nft: `table ip other { chain below { iifname "docker0" return; ip daddr 192.0.2.1 drop; counter reject; }; chain f { ${base} goto below; }; }`,
  },
  "for IPv4 only": { nft: accepting("meta nfproto ipv4 drop") },
  "for new connections": { nft: accepting("ct state new drop") },
};

const uncertain: Record<string, Ruleset> = {
  "an empty host": {},
  "policy accept": { nft: accepting() },
  "policy drop, but for a network": { nft: dropping("ip saddr 10.0.0.0/8 accept") },
  "policy drop, but for a bridge": { nft: dropping('iifname "cni0" accept') },
  "policy drop, but for bridges": { nft: dropping('iifname "cni*" accept') },
  "policy drop, but for a set of bridges": { nft: dropping('iifname { "cni0", "lan" } accept') },
  "policy drop, but for the uplink": { nft: dropping('oifname "eth0" accept') },
  "policy drop, but for new connections": { nft: dropping("ct state new,established accept") },
  "policy drop, but all that is not invalid": { nft: dropping("ct state != invalid accept") },
  "policy drop, new connections by a map": {
    nft: dropping("ct state vmap { established : accept, new : accept }"),
  },
  "policy drop, but for what a map says": { nft: dropping('iifname vmap { "cni0" : accept }') },
  "policy drop, but for a mark": { nft: dropping("meta mark 7 accept") },
  "a drop of something else": { nft: accepting("ip daddr 192.0.2.1 drop", 'iifname "docker0" drop') },
  "for IPv6 only": {
    nft: "table ip6 other { chain f { type filter hook forward priority 0; policy drop; }; }",
  },
  "other hooks": { nft: "table inet other { chain i { type filter hook input priority 0; policy drop; }; }" },
  "Docker's, and our iptables backend's": {
    iptables: docker.replace("COMMIT", "-I FORWARD -s 10.0.0.2/32 -j ACCEPT\nCOMMIT"),
  },
  "Docker's, and its user's accept": {
    iptables: docker.replace("COMMIT", "-I DOCKER-USER -i cni+ -j ACCEPT\nCOMMIT"),
  },
  "a chain that may return": {
    nft: `table ip other {
      chain below { ip daddr 192.0.2.0/24 return; drop; }; chain f { ${base} jump below; accept; };
    }`,
  },
  "queued for a program": { iptables: "*filter\n:FORWARD DROP [0:0]\n-A FORWARD -j NFQUEUE\nCOMMIT\n" },
};

for (const [isCertain, rulesets] of [
  [true, certain],
  [false, uncertain],
] as const) {
  for (const [name, { nft, iptables }] of Object.entries(rulesets)) {
    test(`${isCertain ? "certain" : "uncertain"}: ${name}`, async (t) => {
      const host = await hostFor(t);
      if (nft !== undefined) host.run("nft", ["-f", "-"], { input: nft });
      if (iptables !== undefined) host.run("iptables-nft-restore", [], { input: iptables });
      const netns = openNetns(host.outside("/proc/1/ns/net"));
      t.after(() => netns.close());
      const nftables = inNetns(netns, openNftables);
      for (const bridge of [undefined, "cni0"]) {
        const found = findForwardDrop(nftables, [4], bridge);
        if (isCertain) {
          assert.match(
            String(found),
            /^chain \S+ of table (inet other|ip other|ip filter) drops what containers send/,
          );
        } else {
          assert.equal(found, undefined, bridge);
        }
      }
    });
  }
}

test("a rule that accepts another bridge does not help this one", async (t) => {
  const host = await hostFor(t);
  host.run("nft", ["-f", "-"], { input: dropping('iifname "cni0" accept') });
  const netns = openNetns(host.outside("/proc/1/ns/net"));
  t.after(() => netns.close());
  const nftables = inNetns(netns, openNftables);
  assert.equal(findForwardDrop(nftables, [6], "cni0"), undefined);
  assert.notEqual(findForwardDrop(nftables, [6], "cni1"), undefined);
  assert.equal(findForwardDrop(nftables, [6]), undefined);
});
