import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseIp } from "../../../shared/ip/address.ts";
import { parsePrefix } from "../../../shared/ip/prefix.ts";
import { candidates } from "../ranges/allocate.ts";
import { capacityOf, completeSet } from "../ranges/range.ts";
import { membership, rangeSetKey } from "./range-set-key.ts";

test("a key says which addresses a set gives out", () => {
  const set = completeSet([
    { subnet: parsePrefix("10.0.0.0/29") },
    { subnet: parsePrefix("10.1.0.0/30"), gateway: parseIp("10.9.9.9") },
  ]);
  assert.equal(rangeSetKey(set), "10.0.0.1-10.0.0.6!10.0.0.1,10.1.0.1-10.1.0.2");
  assert.equal(rangeSetKey(completeSet([{ subnet: parsePrefix("fd00::/126") }])), "fd00::1-fd00::3!fd00::1");
});

test("property: of all addresses near by, the members are those that are given out", () => {
  const prefixes = fc.constantFrom("10.0.0.0/28", "fd00::/124", "10.0.0.4/31", "fd00::4/128");
  const gateways = fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined });
  fc.assert(
    fc.property(prefixes, gateways, (text, host) => {
      const subnet = parsePrefix(text);
      assert.ok(subnet !== undefined);
      const { family } = subnet.address;
      const base = (subnet.address.value >> 5n) << 5n;
      const near = Array.from({ length: 32 }, (_, index) => ({ family, value: base + BigInt(index) }));
      const set = completeSet([{ subnet, gateway: host === undefined ? undefined : near[host] }]);
      const members = near.filter(membership(rangeSetKey(set)));
      assert.deepEqual(
        members,
        [...candidates(set, undefined)].map(({ address }) => address),
      );
      assert.equal(BigInt(members.length), capacityOf(set));
      assert.equal(membership(rangeSetKey(set))({ family: family === 4 ? 6 : 4, value: base + 1n }), false);
    }),
  );
});
