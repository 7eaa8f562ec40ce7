import assert from "node:assert/strict";
import { test } from "node:test";
import { formatIp, type IpAddress } from "../../../shared/ip/address.ts";
import { parsePrefix } from "../../../shared/ip/prefix.ts";
import { completeSet } from "./range.ts";
import { assignRequests, parseRequestedIp } from "./requested.ts";

function ip(text: string): IpAddress {
  return parseRequestedIp(text) ?? assert.fail(`${text} is no address`);
}

const sets = [["10.1.1.0/24", "10.1.2.0/24"], ["2001:db8:1::/64"], ["10.2.0.0/24"]].map((subnets) =>
  completeSet(subnets.map((subnet) => ({ subnet: parsePrefix(subnet) }))),
);

function assigned(...requested: string[]): (string | undefined)[] {
  return assignRequests(sets, requested.map(ip)).map((address) => address && formatIp(address));
}

test("each set serves the first request that lies in it", () => {
  assert.deepEqual(assigned(), [undefined, undefined, undefined]);
  assert.deepEqual(assigned("10.2.0.9"), [undefined, undefined, "10.2.0.9"]);
  assert.deepEqual(assigned("2001:DB8:1::999/64", "10.1.2.88"), ["10.1.2.88", "2001:db8:1::999", undefined]);
  assert.deepEqual(assigned("10.1.2.88", "10.1.2.88/16", "::ffff:10.1.2.88"), [
    "10.1.2.88",
    undefined,
    undefined,
  ]);
});

test("requests that no set can serve are refused by name", () => {
  const refused = (msg: string) => ({ name: "CniError", code: 7, message: msg });
  const all = "failed to allocate all requested IPs:";
  assert.throws(() => assigned("10.1.2.100", "10.1.2.101"), refused(`${all} 10.1.2.101`));
  assert.throws(() => assigned("10.9.9.9", "10.2.0.5", "fd00::1"), refused(`${all} 10.9.9.9 fd00::1`));
  assert.throws(() => assigned("10.1.1.0"), refused(`${all} 10.1.1.0`));
  assert.throws(() => assigned("10.1.1.255"), refused(`${all} 10.1.1.255`));
  const gateway = "requested ip 10.2.0.1 is subnet's gateway";
  assert.throws(() => assigned("10.2.0.1"), refused(`failed to allocate for range 2: ${gateway}`));
});

test("a request is an address with or without a prefix length", () => {
  for (const text of [
    "",
    "10.0.0",
    "10.0.0.1/33",
    "10.0.0.1/",
    "10.0.0.1/x",
    "010.0.0.1",
    "fe80::1%eth0",
    "x",
  ]) {
    assert.equal(parseRequestedIp(text), undefined, text);
  }
  assert.equal(formatIp(ip("fd00::1.2.3.4/80")), "fd00::102:304");
});
