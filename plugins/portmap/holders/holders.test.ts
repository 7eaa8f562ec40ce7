import assert from "node:assert/strict";
import { test } from "node:test";
import { CniError } from "../../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../../shared/cni/plugin.ts";
import { formatIp, type IpAddress, parseIp } from "../../../shared/ip/address.ts";
import { FakeTable } from "../../../shared/iptables/fake-table.fixture.ts";
import { splitRule } from "../../../shared/iptables/rule.ts";
import { holdersAt, holdersOf } from "../iptables/holders.ts";
import type { Holder } from "./gone.ts";
import { createHolders } from "./holders.ts";

function ip(text: string): IpAddress {
  const address = parseIp(text);
  assert.ok(address !== undefined);
  return address;
}

const port = { protocol: "tcp", hostPort: 80 } as const;
const other = ip("10.0.0.3");

const request: Request = {
  ...{ command: "ADD", containerId: "c", netns: "/run/netns/c", ifname: "eth0", args: "", path: "" },
  ...{ network: "n", cniVersion: "1.1.0", stdin: Buffer.alloc(0), document: {}, repeatedKeys: [] },
};

function holder(words: string, address: string): Holder {
  return { words, address: ip(address), isOf: () => false, is: () => false };
}

test("holders are judged all at once, outside of what plans, and each once", () => {
  const asked: string[][] = [];
  let isPlanning = false;
  const holders = createHolders(request, (ones) => {
    assert.equal(isPlanning, false);
    asked.push(ones.map(({ words = "", address }) => `${words} ${address && formatIp(address)}`));
    return ones.map(({ words }) => words === "dead");
  });
  const plan = (ones: readonly Holder[]) =>
    holders.decide(() => {
      isPlanning = true;
      try {
        return ones.filter(holders.verdicts(ones)).map(({ words }) => words);
      } finally {
        isPlanning = false;
      }
    });
  assert.deepEqual(plan([holder("dead", "10.0.0.2"), holder("alive", "10.0.0.3")]), ["dead"]);
  assert.deepEqual(plan([holder("alive", "10.0.0.3"), holder("dead", "fd00::2")]), ["dead"]);
  assert.deepEqual(asked, [["dead 10.0.0.2", "alive 10.0.0.3"], ["dead fd00::2"]]);
  assert.throws(
    () =>
      holders.decide(() => {
        throw new CniError(103, "something else");
      }),
    /something else/,
  );
});

const chain = "CNI-DN-3e713abb00cb0aae7344f";
const comment = '-m comment --comment "dnat name: \\"mynet\\" id: \\"A\\""';

function table(entry: string, rule: string): FakeTable {
  const made = new FakeTable("nat");
  made.add("CNI-HOSTPORT-DNAT", splitRule(entry));
  made.add(chain, splitRule(rule));
  return made;
}

const entry = `-p tcp ${comment} -m multiport --dports 443,80 -j ${chain}`;
const dnat = "-p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.3:8080";
const others = () => false;
const isSpared = (name: string, network: string) => name === chain && network === "mynet";
const mapping = { ...port, containerPort: 1 };

test("who has a port in table nat", () => {
  const { ruleset } = table(entry, dnat);
  const [found, ...more] = holdersOf(ruleset, [mapping], others);
  assert.deepEqual(more, []);
  assert.equal(found?.chain, chain);
  assert.equal(found?.holder.words, "container A of network mynet");
  assert.deepEqual(found?.port, { ...port, container: other, containerPort: 8080 });
  assert.equal(found?.holder.is({ network: "mynet", containerId: "A", ifname: "eth5" }), true);
  assert.equal(found?.holder.is({ network: "mynetA", containerId: "", ifname: "eth5" }), false);
  assert.equal(found?.holder.isOf("mynet"), true);
  assert.deepEqual(holdersOf(ruleset, [mapping], isSpared), []);
  assert.deepEqual(holdersOf(ruleset, [{ ...mapping, protocol: "udp" }], others), []);
  assert.deepEqual(
    holdersOf(ruleset, [{ ...mapping, hostPort: 443 }], others),
    [],
    "its chain does not lead on",
  );
  assert.deepEqual(
    holdersOf(table(`-i eth0 ${entry}`, dnat).ruleset, [mapping], others),
    [],
    "it has conditions",
  );
});

test("ports of different addresses of the host do not clash", () => {
  const { ruleset } = table(entry, `-d 192.0.2.1/32 ${dnat}`);
  const at = (address: string) => holdersOf(ruleset, [{ ...mapping, hostIp: ip(address) }], others).length;
  assert.equal(at("192.0.2.1"), 1);
  assert.equal(at("192.0.2.2"), 0);
  assert.equal(holdersOf(ruleset, [mapping], others).length, 1, "all addresses are these too");
});

test("who has published at an address in table nat", () => {
  const conditional = `-i eth0 ${entry}`;
  for (const text of [entry, conditional]) {
    const at = (address: string) => holdersAt(table(text, dnat).ruleset, ip(address), others);
    assert.deepEqual(
      at("10.0.0.3").map(({ chain: name }) => name),
      [chain],
    );
    assert.deepEqual(at("10.0.0.2"), []);
    assert.deepEqual(holdersAt(table(text, dnat).ruleset, other, isSpared), []);
  }
});
