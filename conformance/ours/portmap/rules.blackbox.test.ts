/** portmap's rules are those of the Go plugin, line by line, and each checks and ends what the other began. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostWith, ours, peers, rules, type Setting, succeed, tcp, udp, v4, v6 } from "./setting.ts";

const manyPorts = Array.from({ length: 17 }, (_, index) => tcp(8000 + index, 80));
const hostIps = [
  ...[tcp(8080, 80, "192.0.2.1"), tcp(8081, 81, "0.0.0.0"), tcp(8082, 82, "127.0.0.1")],
  ...[tcp(8083, 83, "2001:db8::5"), tcp(8084, 84, "::"), tcp(8085, 85, "::ffff:192.0.2.9")],
];

const settings: Record<string, Setting> = {
  "one port": {},
  "several ports and protocols": {
    mappings: [
      tcp(8080, 80),
      tcp(8081, 81),
      udp(5353, 53),
      udp(5354, 54),
      { ...tcp(9000, 90), protocol: "sctp" },
    ],
  },
  dccp: { mappings: [{ ...tcp(9001, 91), protocol: "dccp" }] },
  "an upper-case protocol": { mappings: [{ ...tcp(8080, 80), protocol: "TCP" }] },
  "host addresses": { mappings: hostIps },
  "host addresses, IPv6": { mappings: hostIps, ips: [v6] },
  "host addresses, both families": { mappings: hostIps, ips: [v4, v6] },
  "snat off": { keys: { snat: false } },
  masqAll: { keys: { masqAll: true }, ips: [v4, v6] },
  "mark bit 0": { keys: { markMasqBit: 0 } },
  "mark bit 31": { keys: { markMasqBit: 31 } },
  conditions: {
    keys: { conditionsV4: ["!", "-d", "192.0.2.0/24"], conditionsV6: ["!", "-d", "fc00::/7"] },
    ips: [v4, v6],
  },
  "conditions with a match": {
    keys: { conditionsV4: ["-m", "mark", "!", "--mark", "0x1/0x1", "-i", "eth+"] },
  },
  IPv6: { ips: [v6] },
  "both families": { ips: [v6, v4] },
  "more ports than one rule takes": { mappings: manyPorts },
  "a mapping twice": { mappings: [tcp(80, 8080), tcp(80, 8080)] },
  "a host port twice": { mappings: [tcp(80, 8080), tcp(80, 8081)] },
  "a long container ID": { containerId: "c".repeat(300) },
  "an address with a full prefix": {
    ips: [
      { ...v4, address: "10.0.0.2/32" },
      { ...v6, address: "2001:db8::2/128" },
    ],
  },
  "an address without a network": { ips: [{ ...v4, address: "10.0.0.2/0" }] },
  "no mappings": { mappings: [] },
  "an address of another interface": { ips: [{ ...v4, interface: 0 }] },
};

// iptables-legacy 1.8.9 takes a rule for another that only differs in its ports, so the Go plugin leaves rules out.
const goLeavesRulesOut = new Set(["host addresses, IPv6", "host addresses, both families"]);

for (const flavour of ["nft", "legacy"] as const) {
  for (const [name, setting] of Object.entries(settings)) {
    if (flavour === "legacy" && goLeavesRulesOut.has(name)) continue;
    test(`${flavour}: ${name}`, async (t) => {
      const host = await hostWith(t, flavour);
      const other = await hostWith(t, flavour);
      succeed(host, ours, "ADD", setting);
      succeed(other, peers, "ADD", setting);
      const made = rules(other);
      assert.deepEqual(rules(host), made);

      succeed(host, ours, "ADD", setting);
      assert.deepEqual(rules(host).ipv4.toSorted(), made.ipv4.toSorted(), "a second ADD adds nothing");
      succeed(host, ours, "CHECK", setting);
      succeed(host, peers, "CHECK", setting);
      succeed(other, ours, "CHECK", setting);

      succeed(host, peers, "DEL", setting);
      succeed(other, ours, "DEL", setting);
      if (setting.mappings?.length !== 0) assert.deepEqual(rules(host), rules(other));
      assert.deepEqual(
        [...rules(other).ipv4, ...rules(other).ipv6].filter((line) => line.includes("CNI-DN-")),
        [],
      );
    });
  }
}

for (const flavour of ["nft", "legacy"] as const) {
  test(`${flavour}: a chain of somebody else that marks packets`, async (t) => {
    const setting = { keys: { externalSetMarkChain: "KUBE-MARK-MASQ" }, ips: [v4, v6] };
    const [host, other] = [await hostWith(t, flavour), await hostWith(t, flavour)];
    for (const one of [host, other]) {
      one.run("iptables", ["-t", "nat", "-N", "KUBE-MARK-MASQ"]);
      one.run("ip6tables", ["-t", "nat", "-N", "KUBE-MARK-MASQ"]);
    }
    succeed(host, ours, "ADD", setting);
    succeed(other, peers, "ADD", setting);
    assert.deepEqual(rules(host), rules(other));
    succeed(host, ours, "CHECK", setting);
  });

  test(`${flavour}: containers beside each other and beside rules of others`, async (t) => {
    const [host, other] = [await hostWith(t, flavour), await hostWith(t, flavour)];
    const first = { containerId: "first", mappings: [tcp(8080, 80), udp(53, 53)] };
    const second = {
      containerId: "second",
      mappings: [tcp(8082, 80)],
      ips: [{ ...v4, address: "10.0.0.3/24" }],
    };
    const third = { containerId: "third", mappings: [tcp(81, 81)], keys: { markMasqBit: 5 } };
    for (const [one, bin, another] of [
      [host, ours, peers],
      [other, peers, ours],
    ] as const) {
      one.run("iptables", ["-t", "nat", "-A", "PREROUTING", "-p", "tcp", "-j", "RETURN"]);
      one.run("iptables", [
        "-t",
        "nat",
        "-A",
        "POSTROUTING",
        "-m",
        "comment",
        "--comment",
        'it"s',
        "-j",
        "RETURN",
      ]);
      succeed(one, bin, "ADD", first);
      succeed(one, another, "ADD", second);
      succeed(one, bin, "ADD", third);
    }
    assert.deepEqual(rules(host), rules(other));
    succeed(host, ours, "DEL", first);
    succeed(other, peers, "DEL", first);
    assert.deepEqual(rules(host), rules(other));
    succeed(host, ours, "CHECK", second);
  });
}
