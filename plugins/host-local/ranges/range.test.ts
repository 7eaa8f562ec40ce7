import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CniError } from "../../../shared/cni/errors/cni-error.ts";
import { formatIp, type IpAddress, parseIp } from "../../../shared/ip/address.ts";
import { type IpPrefix, parsePrefix } from "../../../shared/ip/prefix.ts";
import {
  capacityOf,
  completeRange,
  completeSet,
  findOverlap,
  findRange,
  formatRange,
  type Range,
  type RangeInput,
} from "./range.ts";

function ip(text: string): IpAddress {
  return parseIp(text) ?? assert.fail(`${text} is no address`);
}

function prefix(text: string): IpPrefix {
  return parsePrefix(text) ?? assert.fail(`${text} is no prefix`);
}

/** "subnet start end gateway"; "-" leaves one out. */
function input(text: string): RangeInput {
  const [subnet = "-", start = "-", end = "-", gateway = "-"] = text.split(" ");
  const optional = (word: string): IpAddress | undefined => (word === "-" ? undefined : ip(word));
  return {
    subnet: subnet === "-" ? undefined : prefix(subnet),
    rangeStart: optional(start),
    rangeEnd: optional(end),
    gateway: optional(gateway),
  };
}

test("a range is completed as the Go plugin does", () => {
  const table: [string, string, string | undefined][] = [
    ["192.0.2.0/24", "192.0.2.1-192.0.2.254", "192.0.2.1"],
    ["192.0.2.0/25", "192.0.2.1-192.0.2.126", "192.0.2.1"],
    ["192.0.2.128/30", "192.0.2.129-192.0.2.130", "192.0.2.129"],
    ["2001:DB8:1::/64", "2001:db8:1::1-2001:db8:1:0:ffff:ffff:ffff:ffff", "2001:db8:1::1"],
    ["fd00::/126", "fd00::1-fd00::3", "fd00::1"],
    ["0.0.0.0/0", "0.0.0.1-255.255.255.254", "0.0.0.1"],
    ["192.0.2.0/24 192.0.2.40 192.0.2.50 192.0.2.254", "192.0.2.40-192.0.2.50", "192.0.2.254"],
    ["192.0.2.0/24 192.0.2.0 192.0.2.255", "192.0.2.0-192.0.2.255", "192.0.2.1"],
    ["192.0.2.0/24 ::ffff:192.0.2.9", "192.0.2.9-192.0.2.254", "192.0.2.1"],
    ["192.0.2.0/24 - - 172.16.0.1", "192.0.2.1-192.0.2.254", "172.16.0.1"],
    ["192.0.2.0/24 - - fe80::1", "192.0.2.1-192.0.2.254", "fe80::1"],
  ];
  for (const [text, span, gateway] of table) {
    const range = completeRange(input(text));
    assert.equal(formatRange(range), span, text);
    assert.equal(range.gateway && formatIp(range.gateway), gateway, text);
  }
});

test("subnets of one or two addresses give out all of them but a configured gateway", () => {
  const table: [string, string, string | undefined, bigint][] = [
    ["10.0.0.0/31", "10.0.0.0-10.0.0.1", undefined, 2n],
    ["10.0.0.0/31 - - 10.0.0.0", "10.0.0.0-10.0.0.1", "10.0.0.0", 1n],
    ["10.0.0.7/32", "10.0.0.7-10.0.0.7", undefined, 1n],
    ["10.0.0.7/32 - - 169.254.1.1", "10.0.0.7-10.0.0.7", "169.254.1.1", 1n],
    ["fd00::/127", "fd00::-fd00::1", undefined, 2n],
    ["fd00::5/128", "fd00::5-fd00::5", undefined, 1n],
    ["255.255.255.255/32", "255.255.255.255-255.255.255.255", undefined, 1n],
  ];
  for (const [text, span, gateway, capacity] of table) {
    const range = completeRange(input(text));
    assert.equal(formatRange(range), span, text);
    assert.equal(range.gateway && formatIp(range.gateway), gateway, text);
    assert.equal(capacityOf([range]), capacity, text);
  }
});

test("a range from the broadcast address on stays in its subnet", () => {
  assert.equal(formatRange(completeRange(input("10.0.0.0/24 10.0.0.255"))), "10.0.0.255-10.0.0.255");
});

test("a range that cannot be meant is refused with the Go plugin's words", () => {
  const hostBits = "Network has host bits set. For a subnet mask of length";
  const table: [string, string][] = [
    ["-", "a range has no subnet"],
    ["192.0.2.12/24", `${hostBits} 24 the network address is 192.0.2.0`],
    ["192.168.127.0/23", `${hostBits} 23 the network address is 192.168.126.0`],
    ["2001:db8:1::24/64", `${hostBits} 64 the network address is 2001:db8:1::`],
    ["2001:db8:1:1::/63", `${hostBits} 63 the network address is 2001:db8:1::`],
    ["10.0.0.0/24 10.0.1.0", "RangeStart 10.0.1.0 not in network 10.0.0.0/24"],
    ["10.0.0.0/24 10.0.0.9 10.0.0.8", "RangeStart 10.0.0.9 not in network 10.0.0.0/24"],
    ["10.0.0.0/24 fd00::1", "RangeStart fd00::1 not in network 10.0.0.0/24"],
    ["10.0.0.0/24 - 10.0.1.0", "RangeEnd 10.0.1.0 not in network 10.0.0.0/24"],
    ["10.0.0.0/24 - 10.0.0.0", "RangeEnd 10.0.0.0 not in network 10.0.0.0/24"],
    ["10.0.0.0/24 10.0.0.9 fd00::1", "RangeEnd fd00::1 not in network 10.0.0.0/24"],
  ];
  for (const [text, msg] of table) {
    assert.throws(() => completeRange(input(text)), refusal(msg), text);
  }
});

test("the ranges of a set are of one family and do not overlap", () => {
  const set = (...texts: string[]) => completeSet(texts.map(input));
  assert.throws(() => set(), refusal("empty range set"));
  assert.throws(() => set("10.1.0.0/24", "fd00::/64"), refusal("mixed address families"));
  assert.throws(
    () => set("10.1.0.0/22", "10.1.2.0/24"),
    refusal("subnets 10.1.0.1-10.1.3.254 and 10.1.2.1-10.1.2.254 overlap"),
  );
  assert.throws(
    () => set("10.0.0.0/20 10.0.0.0 10.0.0.127", "10.0.0.0/20 10.0.0.127 10.0.0.200"),
    refusal("subnets 10.0.0.0-10.0.0.127 and 10.0.0.127-10.0.0.200 overlap"),
  );
  const split = set("10.0.0.0/20 10.0.0.0 10.0.0.127", "10.0.0.0/20 10.0.0.128 10.0.0.200");
  assert.equal(findRange(split, ip("10.0.0.127")), split[0]);
  assert.equal(findRange(split, ip("10.0.0.128")), split[1]);
  assert.equal(findRange(split, ip("10.0.0.201")), undefined);
  assert.equal(findRange(split, ip("::a00:1")), undefined);
});

test("the capacity leaves out gateways inside the ranges only", () => {
  const set = completeSet([input("10.1.0.0/29"), input("10.2.0.0/29 10.2.0.2 10.2.0.3")]);
  assert.equal(capacityOf(set), 5n + 2n);
  assert.equal(capacityOf([completeRange(input("fd00::/64"))]), 2n ** 64n - 2n);
});

function refusal(msg: string) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof CniError);
    assert.equal(error.message, msg);
    assert.equal(error.code, 7);
    assert.notEqual(error.details, "");
    return true;
  };
}

test("an overlap is found if and only if two ranges have an address in common", () => {
  const value = fc.integer({ min: 0, max: 60 });
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value), { maxLength: 6 }), (pairs) => {
      const set = pairs.map(([one, other]) => {
        const [start, end] = [Math.min(one, other), Math.max(one, other)];
        return completeRange(input(`10.0.0.0/24 10.0.0.${start} 10.0.0.${end}`));
      });
      const common = (a: Range, b: Range) => a.start.value <= b.end.value && b.start.value <= a.end.value;
      const any = set.some((range, index) => set.slice(index + 1).some((other) => common(range, other)));
      const found = findOverlap(set);
      assert.equal(found !== undefined, any);
      if (found !== undefined) assert.ok(common(...found) && set.indexOf(found[0]) < set.indexOf(found[1]));
    }),
  );
});
