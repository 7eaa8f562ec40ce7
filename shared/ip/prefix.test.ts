import assert from "node:assert/strict";
import { BlockList } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { bitLength, formatIp, type IpAddress, parseIp } from "./address.ts";
import {
  formatPrefix,
  type IpPrefix,
  isDefaultPrefix,
  lastOf,
  networkOf,
  parsePrefix,
  prefixContains,
} from "./prefix.ts";

const families = fc.constantFrom<4 | 6>(4, 6);
const addresses = (family: 4 | 6) =>
  fc
    .bigInt({ min: 0n, max: (1n << BigInt(bitLength(family))) - 1n })
    .filter((value) => family === 4 || value >> 32n !== 0xffffn)
    .map((value): IpAddress => ({ family, value }));
const prefixes = families.chain((family) =>
  fc.record(
    { address: addresses(family), prefixLength: fc.nat(bitLength(family)) },
    { noNullPrototype: true },
  ),
);

function prefix(text: string): IpPrefix {
  const parsed = parsePrefix(text);
  assert.ok(parsed, text);
  return parsed;
}

test("text and prefix are the same in both directions, host bits included", () => {
  fc.assert(fc.property(prefixes, (p) => assert.deepEqual(parsePrefix(formatPrefix(p)), p)));
});

test("network, last address and containment agree", () => {
  fc.assert(
    fc.property(prefixes, (p) => {
      const first = networkOf(p);
      const last = lastOf(p);
      assert.ok(first.address.value <= p.address.value && p.address.value <= last.value);
      const size = last.value - first.address.value + 1n;
      assert.equal(size, 1n << BigInt(bitLength(p.address.family) - p.prefixLength));
      for (const edge of [first.address, last, p.address]) assert.ok(prefixContains(p, edge));
      for (const value of [first.address.value - 1n, last.value + 1n]) {
        const { family } = p.address;
        const outside = value < 0n || value >> BigInt(bitLength(family)) !== 0n;
        if (!outside) assert.ok(!prefixContains(p, { family, value }));
      }
    }),
  );
});

test("containment is that of node:net", () => {
  const near = prefixes.chain((p) =>
    fc.tuple(
      fc.constant(p),
      fc.oneof(
        addresses(p.address.family),
        fc.nat(bitLength(p.address.family) - 1).map((bit): IpAddress => {
          return { family: p.address.family, value: p.address.value ^ (1n << BigInt(bit)) };
        }),
      ),
    ),
  );
  fc.assert(
    fc.property(near, ([p, ip]) => {
      const list = new BlockList();
      list.addSubnet(formatIp(p.address), p.prefixLength, p.address.family === 4 ? "ipv4" : "ipv6");
      assert.equal(prefixContains(p, ip), list.check(formatIp(ip), ip.family === 4 ? "ipv4" : "ipv6"));
    }),
  );
});

test("forms that are accepted", () => {
  const cases = {
    "10.0.0.1/024": "10.0.0.1/24",
    "10.0.0.1/0": "10.0.0.1/0",
    "::/128": "::/128",
    "::ffff:10.1.2.5/120": "10.1.2.5/24",
    "::ffff:10.1.2.5/96": "10.1.2.5/0",
    "::ffff:10.0.0.5/24": "10.0.0.5/0",
  };
  for (const [text, wanted] of Object.entries(cases)) assert.equal(formatPrefix(prefix(text)), wanted);
});

test("forms that are refused", () => {
  for (const text of ["10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "::/129", "/8", "1.2.3.4/8/8", "1.2.3.4/-1"]) {
    assert.equal(parsePrefix(text), undefined, text);
  }
  for (const text of ["1.2.3.4/ 8", "1.2.3.4/8\n", "1.2.3.4/+8", "1.2.3.4/255.0.0.0", "fe80::1%lo/64", ""]) {
    assert.equal(parsePrefix(text), undefined, JSON.stringify(text));
  }
});

test("families do not contain each other; only /0 of the zero address is the default", () => {
  const ip = parseIp("::1");
  assert.ok(ip);
  assert.equal(prefixContains(prefix("0.0.0.0/0"), ip), false);
  assert.equal(isDefaultPrefix(prefix("::/0")), true);
  assert.equal(isDefaultPrefix(prefix("10.0.0.0/0")), false);
  assert.equal(isDefaultPrefix(prefix("0.0.0.0/8")), false);
});
