import assert from "node:assert/strict";
import { test } from "node:test";
import { CniError } from "../../shared/errors/cni-error.ts";
import { type IpAddress, parseIp } from "../../shared/ip/address.ts";
import { splitRule } from "../../shared/iptables/rule.ts";
import { createHolders } from "./holders.ts";
import { holdersOf } from "./iptables-holders.ts";
import { TestTable } from "./test-table.ts";

function ip(text: string): IpAddress {
  const address = parseIp(text);
  assert.ok(address !== undefined);
  return address;
}

const port = { protocol: "tcp", hostPort: 80 } as const;
const own = ip("10.0.0.2");
const other = ip("10.0.0.3");
const isConflict = (error: unknown) => error instanceof CniError && error.code === 103;

test("only who is known to be gone makes way", () => {
  for (const answer of [true, undefined]) {
    const holders = createHolders(() => answer);
    assert.throws(() => holders.requireGone(port, "container c", other, own), isConflict);
    holders.requireGone(port, "container c", own, own);
  }
  createHolders(() => false).requireGone(port, "container c", other, own);
});

test("who is not known never makes way", () => {
  const holders = createHolders(() => false);
  assert.throws(() => holders.requireGone(port, undefined, own, own), isConflict);
  assert.throws(() => holders.requireGone(port, "container c", undefined, own), isConflict);
});

test("nobody is asked for twice", () => {
  let questions = 0;
  const holders = createHolders(() => questions++ > 0);
  for (const address of [other, ip("fd00::3"), other]) holders.requireGone(port, "c", address, own);
  assert.equal(questions, 1);
});

const chain = "CNI-DN-3e713abb00cb0aae7344f";
const comment = '-m comment --comment "dnat name: \\"mynet\\" id: \\"A\\""';

function table(entry: string, rule: string): TestTable {
  const made = new TestTable();
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
  assert.deepEqual(holdersOf(ruleset, [mapping], others), [
    {
      chain,
      owner: "container A of network mynet",
      port: { ...port, container: other, containerPort: 8080 },
    },
  ]);
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
