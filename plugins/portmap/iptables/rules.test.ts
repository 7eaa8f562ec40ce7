import assert from "node:assert/strict";
import { test } from "node:test";
import { isJsonObject, readJson } from "../../../shared/cni/json-read.ts";
import { parsePrefix } from "../../../shared/ip/prefix.ts";
import { joinRule, splitRule } from "../../../shared/iptables/rule.ts";
import { configFor, decodeConfig } from "../config.ts";
import { desiredRules, entryFinder, entryWords } from "./rules.ts";

const attachment = { network: "mynet", containerId: "c1id", ifname: "eth0" };
const tcp = { hostPort: 8080, containerPort: 80, protocol: "tcp" };

function desired(mappings: object[], keys: object = {}, address = "10.0.0.2/24") {
  const document = readJson(JSON.stringify({ ...keys, runtimeConfig: { portMappings: mappings } }));
  const prefix = parsePrefix(address);
  assert.ok(isJsonObject(document) && prefix !== undefined);
  const config = configFor(decodeConfig({ document }), "iptables");
  return desiredRules({ attachment, config, family: prefix.address.family, container: prefix });
}

const rulesOf = (...args: Parameters<typeof desired>) => desired(...args).rules.map(joinRule);
const entriesOf = (...args: Parameters<typeof desired>) =>
  desired(...args).entries.map((entry) => joinRule(entryWords(entry)));

// The expected lines are those of the Go plugin, v1.9.1 and v1.10.0, with iptables 1.8.9.
const comment = '-m comment --comment "dnat name: \\"mynet\\" id: \\"c1id\\""';
const chain = "CNI-DN-c465c05654907699deadd";

test("one port", () => {
  const { sharedChains, jumps, requiredChains } = desired([tcp]);
  assert.deepEqual(rulesOf([tcp]), [
    "-s 10.0.0.0/24 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK",
    "-s 127.0.0.1/32 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK",
    "-p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.0.0.2:80",
  ]);
  assert.deepEqual(entriesOf([tcp]), [`-p tcp ${comment} -m multiport --dports 8080 -j ${chain}`]);
  assert.deepEqual(
    sharedChains.map(({ chain: name, rule }) => `${name} ${rule === undefined ? "" : joinRule(rule)}`),
    [
      'CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000',
      "CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE",
      "CNI-HOSTPORT-DNAT ",
    ],
  );
  assert.deepEqual(
    jumps.map(({ chain: name, rule, first }) => `${first ? "-I" : "-A"} ${name} ${joinRule(rule)}`),
    [
      '-I POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ',
      "-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
      "-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
    ],
  );
  assert.deepEqual(requiredChains, []);
});

test("IPv6: brackets, and no rule for localhost", () => {
  assert.deepEqual(rulesOf([tcp], {}, "2001:db8:1::2/64"), [
    "-s 2001:db8:1::/64 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK",
    "-p tcp -m tcp --dport 8080 -j DNAT --to-destination [2001:db8:1::2]:80",
  ]);
});

test("host addresses: rules for this family's, ports for all", () => {
  const mappings = ["192.0.2.1", "0.0.0.0", "127.0.0.1", "2001:db8::5", "::"].map((hostIP, index) => ({
    ...{ ...tcp, hostPort: 8080 + index, containerPort: 80 + index, hostIP },
  }));
  assert.deepEqual(rulesOf(mappings), [
    "-s 10.0.0.0/24 -d 192.0.2.1/32 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK",
    "-s 127.0.0.1/32 -d 192.0.2.1/32 -p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK",
    "-d 192.0.2.1/32 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.0.0.2:80",
    "-s 10.0.0.0/24 -p tcp -m tcp --dport 8081 -j CNI-HOSTPORT-SETMARK",
    "-s 127.0.0.1/32 -p tcp -m tcp --dport 8081 -j CNI-HOSTPORT-SETMARK",
    "-p tcp -m tcp --dport 8081 -j DNAT --to-destination 10.0.0.2:81",
    "-s 10.0.0.0/24 -d 127.0.0.1/32 -p tcp -m tcp --dport 8082 -j CNI-HOSTPORT-SETMARK",
    "-s 127.0.0.1/32 -d 127.0.0.1/32 -p tcp -m tcp --dport 8082 -j CNI-HOSTPORT-SETMARK",
    "-d 127.0.0.1/32 -p tcp -m tcp --dport 8082 -j DNAT --to-destination 10.0.0.2:82",
  ]);
  assert.deepEqual(entriesOf(mappings), [
    `-p tcp ${comment} -m multiport --dports 8080,8081,8082,8083,8084 -j ${chain}`,
  ]);
  assert.deepEqual(rulesOf(mappings, { snat: false }, "2001:db8:1::2/64"), [
    "-d 2001:db8::5/128 -p tcp -m tcp --dport 8083 -j DNAT --to-destination [2001:db8:1::2]:83",
    "-p tcp -m tcp --dport 8084 -j DNAT --to-destination [2001:db8:1::2]:84",
  ]);
});

test("masquerading: off, of everything, by a chain of somebody else, with another mark", () => {
  const off = desired([tcp], { snat: false });
  assert.equal(off.rules.length, 1);
  assert.deepEqual(off.sharedChains, [{ chain: "CNI-HOSTPORT-DNAT" }]);
  assert.deepEqual(
    off.jumps.map((jump) => jump.chain),
    ["PREROUTING", "OUTPUT"],
  );
  assert.equal(rulesOf([tcp], { masqAll: true })[0], "-p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK");
  assert.equal(rulesOf([tcp], { masqAll: true }).length, 2);
  const external = desired([tcp], { externalSetMarkChain: "KUBE-MARK-MASQ" });
  assert.deepEqual(external.requiredChains, ["KUBE-MARK-MASQ"]);
  assert.deepEqual(external.sharedChains, [{ chain: "CNI-HOSTPORT-DNAT" }]);
  assert.deepEqual(external.rules[0]?.slice(-2), ["-j", "KUBE-MARK-MASQ"]);
  const idle = desired(
    [{ ...tcp, hostIP: "0.0.0.0" }],
    { externalSetMarkChain: "KUBE-MARK-MASQ" },
    "fd00::2/64",
  );
  assert.deepEqual(idle.requiredChains, [], "no rule of this family leads there");
  for (const [bit, mark] of [
    [0, "0x1/0x1"],
    [31, "0x80000000/0x80000000"],
  ] as const) {
    assert.ok(desired([tcp], { markMasqBit: bit }).sharedChains[0]?.rule?.includes(mark));
  }
});

test("entry rules: by protocol in byte order, fifteen ports each, in the mappings' order", () => {
  const many = Array.from({ length: 17 }, (_, index) => ({ ...tcp, hostPort: 8000 + index }));
  const mappings = [
    { ...tcp, protocol: "udp", hostPort: 53 },
    ...many,
    { ...tcp, protocol: "sctp", hostPort: 9000 },
  ];
  assert.deepEqual(
    entriesOf(mappings).map((line) =>
      line.replace(` ${comment} -m multiport`, "").replace(` -j ${chain}`, ""),
    ),
    [
      "-p sctp --dports 9000",
      "-p tcp --dports 8000,8001,8002,8003,8004,8005,8006,8007,8008,8009,8010,8011,8012,8013,8014",
      "-p tcp --dports 8015,8016",
      "-p udp --dports 53",
    ],
  );
});

test("a mapping twice makes its rules once", () => {
  assert.equal(rulesOf([tcp, tcp]).length, 3);
  assert.match(entriesOf([tcp, tcp])[0] ?? "", /--dports 8080,8080 /);
});

test("an address without a network is masqueraded for everybody", () => {
  assert.equal(rulesOf([tcp], {}, "10.0.0.2/0")[0], "-p tcp -m tcp --dport 8080 -j CNI-HOSTPORT-SETMARK");
});

test("an entry rule is recognised as iptables-save prints it", () => {
  const [plain] = desired([tcp]).entries;
  const [conditional] = desired([tcp], { conditionsV4: ["!", "--destination", "192.0.2.0/24"] }).entries;
  assert.ok(plain !== undefined && conditional !== undefined);
  const rest = `-p tcp ${comment} -m multiport --dports 8080 -j ${chain}`;
  const printed = splitRule(`! -d 192.0.2.0/24 ${rest}`);
  const other = splitRule(`! -d 192.0.2.0/24 ${rest.replace("8080", "8081")}`);
  const find = entryFinder([other, splitRule(rest), printed]);
  assert.deepEqual(find(plain), [splitRule(rest)]);
  assert.deepEqual(find(conditional), [printed]);
});
