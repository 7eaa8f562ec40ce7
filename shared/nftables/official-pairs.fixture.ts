/** For official.kernel.test.ts: rulesets in the words of `nft` and in those of this module. */

import assert from "node:assert/strict";
import { type IpAddress, parseIp } from "../ip/address.ts";
import { parsePrefix } from "../ip/prefix.ts";
import { hostU32 } from "./bytes.ts";
import {
  addressValue,
  concatenate,
  interfaceValue,
  markValue,
  portValue,
  protocolValue,
} from "./data-type.ts";
import type { Element } from "./element.ts";
import * as words from "./statement.ts";
import type { TableDefinition } from "./table-definition.ts";

const { compileRule, matches, inPrefix, inSet, verdict } = words;

function ip(text: string): Uint8Array {
  const address = parseIp(text);
  assert.ok(address !== undefined, text);
  return addressValue(address);
}

function address(text: string) {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined, text);
  return parsed;
}

function prefix(text: string) {
  const parsed = parsePrefix(text);
  assert.ok(parsed !== undefined, text);
  return parsed;
}

/** `dnat to 10.0.0.2:80` */
function dnatTo(target: IpAddress, port?: number): words.Statement {
  return ({ expressions }) => {
    expressions.push({ kind: "immediate", register: 0, value: addressValue(target) });
    const dnat = { kind: "dnat", family: target.family, address: 0, flags: 0 } as const;
    if (port === undefined) {
      expressions.push(dnat);
      return;
    }
    expressions.push({ kind: "immediate", register: 4, value: portValue(port) }, { ...dnat, port: 4 });
  };
}

/** `ct status dnat`: IPS_DST_NAT of linux/netfilter/nf_conntrack_common.h. */
const ctStatusDnat: words.Statement = ({ expressions }) => {
  const [mask, zero] = [hostU32(0x20), hostU32(0)];
  expressions.push(
    { kind: "ct", key: "status", register: 0 },
    { kind: "bitwise", source: 0, destination: 0, mask, xor: zero },
    { kind: "cmp", operator: "!=", register: 0, value: zero },
  );
};

/** What is applied on one side as text and on the other as commands. */
export interface Pair {
  readonly text: string;
  readonly definition: TableDefinition;
  readonly elements?: Readonly<Record<string, readonly Element[]>>;
}

const inet = { family: "inet", name: "cni_test" } as const;

const masquerade: Pair = {
  text: `
    table inet cni_test {
      comment "containers' way out"
      set sources { type ipv4_addr; comment "addresses"; elements = { 10.0.0.2 comment "net1 c1 eth0", 10.0.0.3 }; }
      set inside { type ipv4_addr . ipv4_addr; flags interval;
        elements = { 10.0.0.2 . 10.0.0.0/16 comment "net1 c1 eth0", 10.0.0.3 . 10.0.0.7-10.0.0.9 }; }
      set ranges { type ipv4_addr; flags interval; elements = { 10.0.0.0/24 comment "x", 10.1.0.5, 255.0.0.0/8 }; }
      set ranges6 { type ipv6_addr; flags interval; elements = { fd00::/64, fd00:1::5 }; }
      set fleeting { type ipv4_addr; flags timeout; }
      set hourly { type ipv6_addr; timeout 1h; }
      set marks { type mark; elements = { 0x10, 0x2000 }; }
      set marked { type mark . inet_service; elements = { 0x10 . 80 }; }
      map out { type ipv4_addr : verdict; elements = { 10.0.0.2 comment "c" : goto leaving, 10.0.0.3 : drop,
        10.0.0.4 : return, 10.0.0.5 : jump leaving, 10.0.0.6 : accept }; }
      chain leaving { comment "no way back"; }
      chain postrouting { type nat hook postrouting priority srcnat; policy accept; comment "the entry";
        ip daddr 224.0.0.0/4 return
        ip6 daddr ff00::/8 return
        ip daddr != 10.0.0.0/8 ip saddr @sources masquerade comment "a comment"
        ip6 saddr fd00::/64 ip6 daddr != fd00::/64 masquerade
        ip6 saddr fd00:0:0:8000::/49 return
        ip saddr . ip daddr @inside return
        ip saddr . ip daddr != @inside counter masquerade
        ip saddr vmap @out
        meta mark & 0x2000 == 0x2000 masquerade
        ip saddr 10.0.0.9/32 masquerade
      }
    }`,
  definition: {
    table: { ...inet, comment: "containers' way out" },
    sets: [
      { name: "sources", key: ["ipv4_addr"], comment: "addresses" },
      { name: "inside", key: ["ipv4_addr", "ipv4_addr"], interval: true },
      { name: "ranges", key: ["ipv4_addr"], interval: true },
      { name: "ranges6", key: ["ipv6_addr"], interval: true },
      { name: "fleeting", key: ["ipv4_addr"], timeout: "none" },
      { name: "hourly", key: ["ipv6_addr"], timeout: 3_600_000 },
      { name: "marks", key: ["mark"] },
      { name: "marked", key: ["mark", "inet_service"] },
      { name: "out", key: ["ipv4_addr"], data: "verdict" },
    ],
    chains: [
      { name: "leaving", comment: "no way back", rules: [] },
      {
        name: "postrouting",
        base: { type: "nat", hook: "postrouting", priority: 100, policy: "accept" },
        comment: "the entry",
        rules: [
          { statements: [inPrefix("ip daddr", "==", prefix("224.0.0.0/4")), verdict("return")] },
          { statements: [inPrefix("ip6 daddr", "==", prefix("ff00::/8")), verdict("return")] },
          {
            statements: [
              inPrefix("ip daddr", "!=", prefix("10.0.0.0/8")),
              inSet(["ip saddr"], "==", "sources"),
              words.masquerade(),
            ],
            comment: "a comment",
          },
          {
            statements: [
              inPrefix("ip6 saddr", "==", prefix("fd00::/64")),
              inPrefix("ip6 daddr", "!=", prefix("fd00::/64")),
              words.masquerade(),
            ],
          },
          { statements: [inPrefix("ip6 saddr", "==", prefix("fd00:0:0:8000::/49")), verdict("return")] },
          { statements: [inSet(["ip saddr", "ip daddr"], "==", "inside"), verdict("return")] },
          {
            statements: [
              inSet(["ip saddr", "ip daddr"], "!=", "inside"),
              words.counter(),
              words.masquerade(),
            ],
          },
          { statements: [words.verdictMap(["ip saddr"], "out")] },
          { statements: [words.hasMark("meta mark", 0x2000), words.masquerade()] },
          { statements: [inPrefix("ip saddr", "==", prefix("10.0.0.9/32")), words.masquerade()] },
        ].map((each) => compiled("inet", each)),
      },
    ],
  },
  elements: {
    sources: [{ key: ip("10.0.0.2"), comment: "net1 c1 eth0" }, { key: ip("10.0.0.3") }],
    inside: [
      {
        key: concatenate(ip("10.0.0.2"), ip("10.0.0.0")),
        keyEnd: concatenate(ip("10.0.0.2"), ip("10.0.255.255")),
        comment: "net1 c1 eth0",
      },
      {
        key: concatenate(ip("10.0.0.3"), ip("10.0.0.7")),
        keyEnd: concatenate(ip("10.0.0.3"), ip("10.0.0.9")),
      },
    ],
    ranges: [
      { key: ip("10.0.0.0"), keyEnd: ip("10.0.0.255"), comment: "x" },
      { key: ip("10.1.0.5") },
      { key: ip("255.0.0.0"), keyEnd: ip("255.255.255.255") },
    ],
    ranges6: [{ key: ip("fd00::"), keyEnd: ip("fd00::ffff:ffff:ffff:ffff") }, { key: ip("fd00:1::5") }],
    marks: [{ key: markValue(0x10) }, { key: markValue(0x2000) }],
    marked: [{ key: concatenate(markValue(0x10), portValue(80)) }],
    out: [
      { key: ip("10.0.0.2"), data: { verdict: { kind: "goto", chain: "leaving" } }, comment: "c" },
      { key: ip("10.0.0.3"), data: { verdict: { kind: "drop" } } },
      { key: ip("10.0.0.4"), data: { verdict: { kind: "return" } } },
      { key: ip("10.0.0.5"), data: { verdict: { kind: "jump", chain: "leaving" } } },
      { key: ip("10.0.0.6"), data: { verdict: { kind: "accept" } } },
    ],
  },
};

const forwardedPorts = (family: 4 | 6): Pair => {
  const [table, addressType, daddr, saddr, target] =
    family === 4
      ? (["ip", "ipv4_addr", "ip daddr", "ip saddr", "10.0.0.2"] as const)
      : (["ip6", "ipv6_addr", "ip6 daddr", "ip6 saddr", "fd00::2"] as const);
  const shownTarget = family === 4 ? target : `[${target}]`;
  const toLocal = [words.isLocalDestination(), verdict("jump", "hostports")];
  const tcp = protocolValue(6);
  return {
    text: `
      table ${table} cni_test {
        map by_address { type ${addressType} . inet_proto . inet_service : ${addressType} . inet_service;
          elements = { ${target} . tcp . 8080 comment "o" : ${target} . 80 }; }
        map by_port { type inet_proto . inet_service : ${addressType} . inet_service;
          elements = { tcp . 8080 : ${target} . 80, udp . 53 : ${target} . 5353 }; }
        chain hostports {
          dnat to ${daddr} . meta l4proto . th dport map @by_address
          dnat to meta l4proto . th dport map @by_port
          tcp dport 8080 dnat to ${shownTarget}:80 comment "c1id"
          ${daddr} ${target} udp dport 53 dnat to ${shownTarget}:5353
          sctp dport 9000 dnat to ${target}
        }
        chain prerouting { type nat hook prerouting priority dstnat; policy accept;
          fib daddr type local jump hostports
        }
        chain output { type nat hook output priority -100; policy accept;
          fib daddr type local jump hostports
        }
        chain masquerading { type nat hook postrouting priority 100;
          ${saddr} ${target} ${daddr} ${target} masquerade comment "c1id"
        }
      }`,
    definition: {
      table: { family: table, name: "cni_test" },
      sets: [
        {
          name: "by_address",
          key: [addressType, "inet_proto", "inet_service"],
          data: [addressType, "inet_service"],
        },
        { name: "by_port", key: ["inet_proto", "inet_service"], data: [addressType, "inet_service"] },
      ],
      chains: [
        {
          name: "hostports",
          rules: [
            { statements: [words.dnatByMap(family, [daddr, "meta l4proto", "th dport"], "by_address")] },
            { statements: [words.dnatByMap(family, ["meta l4proto", "th dport"], "by_port")] },
            {
              statements: [matches("tcp dport", "==", portValue(8080)), dnatTo(address(target), 80)],
              comment: "c1id",
            },
            {
              statements: [
                matches(daddr, "==", ip(target)),
                matches("udp dport", "==", portValue(53)),
                dnatTo(address(target), 5353),
              ],
            },
            { statements: [matches("sctp dport", "==", portValue(9000)), dnatTo(address(target))] },
          ].map((each) => compiled(table, each)),
        },
        {
          name: "prerouting",
          base: { type: "nat", hook: "prerouting", priority: -100, policy: "accept" },
          rules: [compiled(table, { statements: toLocal })],
        },
        {
          name: "output",
          base: { type: "nat", hook: "output", priority: -100, policy: "accept" },
          rules: [compiled(table, { statements: toLocal })],
        },
        {
          name: "masquerading",
          base: { type: "nat", hook: "postrouting", priority: 100, policy: "accept" },
          rules: [
            compiled(table, {
              statements: [
                matches(saddr, "==", ip(target)),
                matches(daddr, "==", ip(target)),
                words.masquerade(),
              ],
              comment: "c1id",
            }),
          ],
        },
      ],
    },
    elements: {
      by_address: [
        {
          key: concatenate(ip(target), tcp, portValue(8080)),
          data: { value: concatenate(ip(target), portValue(80)) },
          comment: "o",
        },
      ],
      by_port: [
        {
          key: concatenate(tcp, portValue(8080)),
          data: { value: concatenate(ip(target), portValue(80)) },
        },
        {
          key: concatenate(protocolValue(17), portValue(53)),
          data: { value: concatenate(ip(target), portValue(5353)) },
        },
      ],
    },
  };
};

const firewall: Pair = {
  text: `
    table inet cni_test {
      set bridges { type ifname; elements = { "cni0", "cni1" }; }
      set containers4 { type ipv4_addr; elements = { 10.0.0.2 }; }
      set containers6 { type ipv6_addr; elements = { fd00::2 }; }
      map by_bridge { type ifname . ifname : verdict; elements = { "cni0" . "cni1" : drop }; }
      chain isolation {
        oifname @bridges drop
      }
      chain forward { type filter hook forward priority filter; policy drop;
        ct state established,related accept
        ct state invalid drop
        ct status dnat accept
        ct mark & 0x4 == 0x4 return
        iifname "cni0" oifname != "cni0" goto isolation
        iifname != @bridges return
        iifname . oifname vmap @by_bridge
        ip saddr @containers4 accept
        ip6 daddr @containers6 ct state established,related accept
        ip saddr 10.0.0.2 tcp dport 80 meta mark set meta mark | 0x2000
        ct mark set ct mark | 0x4
        meta l4proto udp ip daddr 10.0.0.2 ip saddr 10.0.0.3 accept
        return
      }
    }`,
  definition: {
    table: inet,
    sets: [
      { name: "bridges", key: ["ifname"] },
      { name: "containers4", key: ["ipv4_addr"] },
      { name: "containers6", key: ["ipv6_addr"] },
      { name: "by_bridge", key: ["ifname", "ifname"], data: "verdict" },
    ],
    chains: [
      {
        name: "isolation",
        rules: [compiled("inet", { statements: [inSet(["oifname"], "==", "bridges"), verdict("drop")] })],
      },
      {
        name: "forward",
        base: { type: "filter", hook: "forward", priority: 0, policy: "drop" },
        rules: [
          [words.ctState("established", "related"), verdict("accept")],
          [words.ctState("invalid"), verdict("drop")],
          [ctStatusDnat, verdict("accept")],
          [words.hasMark("ct mark", 4), verdict("return")],
          [
            matches("iifname", "==", interfaceValue("cni0")),
            matches("oifname", "!=", interfaceValue("cni0")),
            verdict("goto", "isolation"),
          ],
          [inSet(["iifname"], "!=", "bridges"), verdict("return")],
          [words.verdictMap(["iifname", "oifname"], "by_bridge")],
          [inSet(["ip saddr"], "==", "containers4"), verdict("accept")],
          [
            inSet(["ip6 daddr"], "==", "containers6"),
            words.ctState("established", "related"),
            verdict("accept"),
          ],
          [
            matches("ip saddr", "==", ip("10.0.0.2")),
            matches("tcp dport", "==", portValue(80)),
            words.addMark("meta mark", 0x2000),
          ],
          [words.addMark("ct mark", 4)],
          [
            matches("meta l4proto", "==", protocolValue(17)),
            matches("ip daddr", "==", ip("10.0.0.2")),
            matches("ip saddr", "==", ip("10.0.0.3")),
            verdict("accept"),
          ],
          [verdict("return")],
        ].map((statements) => compiled("inet", { statements })),
      },
    ],
  },
  elements: {
    bridges: [{ key: interfaceValue("cni0") }, { key: interfaceValue("cni1") }],
    containers4: [{ key: ip("10.0.0.2") }],
    containers6: [{ key: ip("fd00::2") }],
    by_bridge: [
      {
        key: concatenate(interfaceValue("cni0"), interfaceValue("cni1")),
        data: { verdict: { kind: "drop" } },
      },
    ],
  },
};

const mac = Uint8Array.of(2, 0, 0, 0xab, 0, 1);
const spoofCheck: Pair = {
  text: `
    table bridge cni_test {
      map ports { type ifname . ether_addr : verdict;
        elements = { "veth0" . 02:00:00:ab:00:01 comment "c1 eth0" : accept }; }
      set addresses { type ether_addr; elements = { 02:00:00:ab:00:01 }; }
      chain own { }
      chain PREROUTING { type filter hook prerouting priority -300; policy accept;
        iifname "veth0" jump own comment "macspoofchk-c1-eth0"
        ether saddr 02:00:00:ab:00:01 return
        ether saddr != @addresses drop
        iifname . ether saddr vmap @ports
        ip saddr 10.0.0.1 drop
        ip6 saddr fd00::1 drop
      }
    }`,
  definition: {
    table: { family: "bridge", name: "cni_test" },
    sets: [
      { name: "ports", key: ["ifname", "ether_addr"], data: "verdict" },
      { name: "addresses", key: ["ether_addr"] },
    ],
    chains: [
      { name: "own", rules: [] },
      {
        name: "PREROUTING",
        base: { type: "filter", hook: "prerouting", priority: -300, policy: "accept" },
        rules: [
          {
            statements: [matches("iifname", "==", interfaceValue("veth0")), verdict("jump", "own")],
            comment: "macspoofchk-c1-eth0",
          },
          { statements: [matches("ether saddr", "==", mac), verdict("return")] },
          { statements: [inSet(["ether saddr"], "!=", "addresses"), verdict("drop")] },
          { statements: [words.verdictMap(["iifname", "ether saddr"], "ports")] },
          { statements: [matches("ip saddr", "==", ip("10.0.0.1")), verdict("drop")] },
          { statements: [matches("ip6 saddr", "==", ip("fd00::1")), verdict("drop")] },
        ].map((each) => compiled("bridge", each)),
      },
    ],
  },
  elements: {
    ports: [
      {
        key: concatenate(interfaceValue("veth0"), mac),
        data: { verdict: { kind: "accept" } },
        comment: "c1 eth0",
      },
    ],
    addresses: [{ key: mac }],
  },
};

function compiled(
  family: "inet" | "ip" | "ip6" | "bridge",
  { statements, comment }: { statements: readonly words.Statement[]; comment?: string },
) {
  const expressions = compileRule(family, statements);
  return comment === undefined ? { expressions } : { expressions, comment };
}

export const pairs: Readonly<Record<string, Pair>> = {
  "masquerade, with every kind of set": masquerade,
  "forwarded ports, IPv4": forwardedPorts(4),
  "forwarded ports, IPv6": forwardedPorts(6),
  "a firewall": firewall,
  "a check of hardware addresses on a bridge": spoofCheck,
};
