import assert from "node:assert/strict";
import { test } from "node:test";
import { type IpPrefix, parsePrefix } from "../../../shared/ip/prefix.ts";
import { joinRule } from "../../../shared/iptables/rule.ts";
import { parseRuleset } from "../../../shared/iptables/ruleset.ts";
import { chainName, isEntered, planCollection, planMasquerade, planOwnerRemoval } from "./iptables-rules.ts";

const empty = parseRuleset("*nat\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n");
const owner = { network: "net1", containerId: "c1" };
const chain = chainName(owner);
const comment = '-m comment --comment "name: \\"net1\\" id: \\"c1\\""';

function prefixes(...texts: string[]): IpPrefix[] {
  return texts.map((text) => {
    const parsed = parsePrefix(text);
    assert.ok(parsed, text);
    return parsed;
  });
}

/** What `iptables-save` shows once the transaction of an empty table was applied. */
function applied(text: string): ReturnType<typeof parseRuleset> {
  return parseRuleset(
    text.replace(/^-N (\S+)$/gm, ":$1 - [0:0]").replace("*nat", "*nat\n:POSTROUTING ACCEPT [0:0]"),
  );
}

test("chain names are those of the Go plugin", () => {
  assert.equal(chainName({ network: "test", containerId: "1234" }), "CNI-2bbe0c48b91a7d1b8a6753a8");
  assert.equal(
    chainName({ network: "testalongnamethatdoesnotmakesense", containerId: "1234" }),
    "CNI-374f33fe84ab0ed84dcdebe3",
  );
});

test("an address gets its chain, three rules in it and the entry from POSTROUTING", () => {
  assert.equal(
    planMasquerade(empty, owner, prefixes("10.1.2.3/24")).toText("nat"),
    [
      "*nat",
      `-N ${chain}`,
      `-A ${chain} -d 10.1.2.0/24 ${comment} -j ACCEPT`,
      `-A ${chain} -d 255.255.255.255/32 ${comment} -j ACCEPT`,
      `-A ${chain} ! -d 224.0.0.0/4 ${comment} -j MASQUERADE`,
      `-A POSTROUTING -s 10.1.2.3/32 ${comment} -j ${chain}`,
      "COMMIT",
      "",
    ].join("\n"),
  );
});

test("IPv6 multicast is left alone by its own prefix", () => {
  const text = planMasquerade(empty, owner, prefixes("fd00::3/64")).toText("nat");
  assert.match(text, /-d fd00::\/64 /);
  assert.match(text, /! -d ff00::\/8 /);
  assert.match(text, /-s fd00::3\/128 /);
});

test("nothing is added twice, neither on a second call nor for a second address", () => {
  const two = planMasquerade(empty, owner, prefixes("10.1.2.3/24", "10.9.0.3/16"));
  assert.equal(two.toText("nat").match(/MASQUERADE/g)?.length, 1);
  const after = applied(two.toText("nat"));
  assert.equal(planMasquerade(after, owner, prefixes("10.1.2.3/24", "10.9.0.3/16")).isEmpty, true);
});

test("what stays in the network is told before what is masqueraded, also in a chain of the Go plugin's", () => {
  const lines = planMasquerade(empty, owner, prefixes("10.1.2.3/24", "10.9.0.3/16"))
    .toText("nat")
    .split("\n");
  assert.match(lines[5] ?? "", /MASQUERADE/);
  const ofGo = applied(
    [
      ...["*nat", `-N ${chain}`, `-A ${chain} -d 10.1.2.0/24 ${comment} -j ACCEPT`],
      `-A ${chain} ! -d 224.0.0.0/4 ${comment} -j MASQUERADE`,
      ...["COMMIT", ""],
    ].join("\n"),
  );
  const added = planMasquerade(ofGo, owner, prefixes("10.1.2.3/24", "10.9.0.3/16"));
  assert.equal(
    added.toText("nat"),
    [
      "*nat",
      `-I ${chain} 1 -d 10.9.0.0/16 ${comment} -j ACCEPT`,
      `-I ${chain} 1 -d 255.255.255.255/32 ${comment} -j ACCEPT`,
      ...["10.1.2.3", "10.9.0.3"].map((source) => `-A POSTROUTING -s ${source}/32 ${comment} -j ${chain}`),
      ...["COMMIT", ""],
    ].join("\n"),
  );
});

test("an address is masqueraded when it enters the chain and the chain has its rules", () => {
  const present = applied(planMasquerade(empty, owner, prefixes("10.1.2.3/24")).toText("nat"));
  const is = (text: string, rules = present) =>
    isEntered(rules, owner, prefixes(text)[0]?.address ?? assert.fail());
  assert.equal(is("10.1.2.3/24"), true);
  assert.equal(is("10.1.2.4/24"), false);
  assert.equal(is("10.1.2.3/24", empty), false);
});

test("removal takes the entry and the chain, and finds nothing the second time", () => {
  const present = applied(planMasquerade(empty, owner, prefixes("10.1.2.3/24")).toText("nat"));
  assert.equal(
    planOwnerRemoval(present, owner, () => false).toText("nat"),
    [
      "*nat",
      `-D POSTROUTING -s 10.1.2.3/32 ${comment} -j ${chain}`,
      `-F ${chain}`,
      `-X ${chain}`,
      "COMMIT",
      "",
    ].join("\n"),
  );
  assert.equal(planOwnerRemoval(empty, owner, () => false).isEmpty, true);
});

test("the chain stays while another interface of the container needs it", () => {
  const present = applied(planMasquerade(empty, owner, prefixes("10.1.2.3/24", "10.1.2.4/24")).toText("nat"));
  const text = planOwnerRemoval(present, owner, (source) => source === "10.1.2.4").toText("nat");
  assert.equal(
    text,
    ["*nat", `-D POSTROUTING -s 10.1.2.3/32 ${comment} -j ${chain}`, "COMMIT", ""].join("\n"),
  );
});

test("a chain whose entry was lost is removed as well", () => {
  const orphan = parseRuleset(
    `*nat\n:POSTROUTING ACCEPT [0:0]\n:${chain} - [0:0]\n-A ${chain} -j ACCEPT\nCOMMIT\n`,
  );
  assert.equal(
    planOwnerRemoval(orphan, owner, () => false).toText("nat"),
    `*nat\n-F ${chain}\n-X ${chain}\nCOMMIT\n`,
  );
});

test("collection removes the network's stale containers and nothing else", () => {
  const stale = planMasquerade(empty, owner, prefixes("10.1.2.3/24"));
  const live = planMasquerade(empty, { network: "net1", containerId: "live" }, prefixes("10.1.2.4/24"));
  const foreign = planMasquerade(empty, { network: "net2", containerId: "c1" }, prefixes("10.1.2.5/24"));
  const lines = [stale, live, foreign].flatMap((part) => part.toText("nat").split("\n").slice(1, -2));
  const present = applied(
    ["*nat", ...lines, "-A POSTROUTING -s 1.2.3.4/32 -j ACCEPT", "COMMIT", ""].join("\n"),
  );
  const collected = planCollection(present, "net1", (containerId) => containerId !== "live");
  assert.deepEqual(
    collected.operations.map((operation) =>
      "rule" in operation ? joinRule(operation.rule) : operation.chain,
    ),
    [`-s 10.1.2.3/32 ${comment} -j ${chain}`, chain, chain],
  );
});
