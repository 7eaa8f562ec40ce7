import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatIp, type IpAddress, parseIp } from "../../../shared/ip/address.ts";
import { parsePrefix } from "../../../shared/ip/prefix.ts";
import { candidates, choose } from "./allocate.ts";
import { completeSet, findRange, isGateway, type RangeSet } from "./range.ts";

function set(...subnets: string[]): RangeSet {
  return completeSet(subnets.map((subnet) => ({ subnet: parsePrefix(subnet) })));
}

function all(ranges: RangeSet, cursor?: string): string {
  const from = cursor === undefined ? undefined : parseIp(cursor);
  return [...candidates(ranges, from)].map(({ address }) => formatIp(address)).join(" ");
}

test("candidates come in the Go plugin's order", () => {
  const small = set("10.0.0.0/29");
  assert.equal(all(small), "10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6");
  assert.equal(all(small, "10.0.0.6"), "10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6");
  assert.equal(all(small, "10.0.0.3"), "10.0.0.4 10.0.0.5 10.0.0.6 10.0.0.2 10.0.0.3");
  assert.equal(all(small, "10.0.0.200"), all(small));
  assert.equal(all(small, "fd00::3"), all(small));
  const three = set("10.0.0.0/30", "10.1.0.0/30", "10.2.0.0/30");
  assert.equal(all(three), "10.0.0.2 10.1.0.2 10.2.0.2");
  assert.equal(all(three, "10.0.0.2"), "10.1.0.2 10.2.0.2 10.0.0.2");
  assert.equal(all(three, "10.2.0.2"), "10.0.0.2 10.1.0.2 10.2.0.2");
});

test("an address is chosen as in the Go plugin's tests", () => {
  const table: [string[], string[], string | undefined, string | undefined][] = [
    [["10.0.0.0/29"], [], undefined, "10.0.0.2"],
    [["2001:db8:1::/64"], [], undefined, "2001:db8:1::2"],
    [["10.0.0.0/30"], [], undefined, "10.0.0.2"],
    [["10.0.0.0/29"], ["10.0.0.2"], undefined, "10.0.0.3"],
    [["10.0.0.0/29"], [], "10.0.0.5", "10.0.0.6"],
    [["10.0.0.0/29"], ["10.0.0.4", "10.0.0.5"], "10.0.0.3", "10.0.0.6"],
    [["10.0.0.0/29"], ["10.0.0.6"], "10.0.0.5", "10.0.0.2"],
    [["10.0.0.0/29"], [], "10.0.0.128", "10.0.0.2"],
    [["10.0.0.0/29"], ["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.6"], "10.0.0.5", "10.0.0.5"],
    [["10.0.0.0/30"], ["10.0.0.2"], undefined, undefined],
    [["10.0.0.0/30", "10.0.1.0/30"], ["10.0.0.2", "10.0.1.2"], "10.0.1.2", undefined],
  ];
  for (const [subnets, taken, cursor, expected] of table) {
    const from = cursor === undefined ? undefined : parseIp(cursor);
    const free = (address: IpAddress): boolean => !taken.includes(formatIp(address));
    const chosen = choose(set(...subnets), from, { take: free });
    assert.equal(chosen && formatIp(chosen.address), expected, `${subnets} without ${taken} from ${cursor}`);
  }
});

test("the search in a huge range is lazy", () => {
  assert.equal(choose(set("::/0"), undefined, { take: () => true })?.address.value, 2n);
});

/** Sets of one to three small ranges side by side, with gateways anywhere. */
const rangeSets = fc
  .array(fc.record({ gap: fc.integer({ min: 0, max: 3 }), size: fc.integer({ min: 1, max: 9 }) }), {
    minLength: 1,
    maxLength: 3,
  })
  .chain((spans) =>
    fc.tuple(
      fc.constant(spans),
      fc.array(fc.option(fc.integer({ min: 0, max: 40 })), { minLength: 3, maxLength: 3 }),
    ),
  )
  .map(([spans, gateways]) => {
    let next = 0n;
    return completeSet(
      spans.map(({ gap, size }, index) => {
        const start = next + BigInt(gap);
        next = start + BigInt(size);
        const gateway = gateways[index] ?? undefined;
        return {
          subnet: parsePrefix("10.0.0.0/24"),
          rangeStart: inSubnet(start),
          rangeEnd: inSubnet(next - 1n),
          gateway: gateway === undefined ? inSubnet(200n) : inSubnet(BigInt(gateway)),
        };
      }),
    );
  });

function inSubnet(host: bigint): IpAddress {
  return { family: 4, value: 0x0a00_0000n + host };
}

const cursors = fc.option(
  fc.integer({ min: 0, max: 45 }).map((host) => inSubnet(BigInt(host))),
  {
    nil: undefined,
  },
);

test("property: each address of the ranges but the gateways is offered once, round robin", () => {
  fc.assert(
    fc.property(rangeSets, cursors, (ranges, cursor) => {
      const leasable = ranges.flatMap((range) => {
        const size = Number(range.end.value - range.start.value) + 1;
        const addresses = Array.from({ length: size }, (_, index): IpAddress => {
          return { family: 4, value: range.start.value + BigInt(index) };
        });
        return addresses.map((address) => ({ range, address }));
      });
      const position = leasable.findIndex(({ address }) => address.value === cursor?.value);
      const turned = [...leasable.slice(position + 1), ...leasable.slice(0, position + 1)];
      const expected = turned.filter(({ range, address }) => !isGateway(range, address));
      assert.deepEqual(
        [...candidates(ranges, cursor)].map(({ address }) => formatIp(address)),
        expected.map(({ address }) => formatIp(address)),
      );
    }),
  );
});

test("property: what is chosen is free and in its range; nothing is chosen only when all is taken", () => {
  fc.assert(
    fc.property(rangeSets, cursors, fc.uint8Array({ maxLength: 45 }), (ranges, cursor, taken) => {
      const isFree = ({ value }: IpAddress): boolean => (taken[Number(value & 0xffn)] ?? 0) % 4 === 0;
      const chosen = choose(ranges, cursor, { take: isFree });
      if (chosen === undefined) {
        assert.ok([...candidates(ranges, undefined)].every(({ address }) => !isFree(address)));
      } else {
        assert.ok(isFree(chosen.address));
        assert.equal(findRange(ranges, chosen.address), chosen.range);
        assert.ok(!isGateway(chosen.range, chosen.address));
      }
    }),
  );
});

test("property: with the taken addresses listed after many misses, the choice is the same", () => {
  const large = set("10.0.0.0/23");
  const hosts = fc.uniqueArray(fc.integer({ min: 0, max: 511 }), { maxLength: 60 });
  fc.assert(
    fc.property(hosts, fc.option(fc.integer({ min: 0, max: 511 }), { nil: undefined }), (free, host) => {
      const cursor = host === undefined ? undefined : inSubnet(BigInt(host));
      const isFree = ({ value }: IpAddress): boolean => free.includes(Number(value & 0x1ffn));
      const taken = [...candidates(large, undefined)]
        .map(({ address }) => address)
        .filter((ip) => !isFree(ip));
      let tried = 0;
      const take = (address: IpAddress): boolean => {
        tried += 1;
        return isFree(address);
      };
      const chosen = choose(large, cursor, { take, listTaken: () => taken.map(formatIp) });
      assert.deepEqual(chosen, choose(large, cursor, { take: isFree }));
      assert.deepEqual(
        chosen,
        [...candidates(large, cursor)].find(({ address }) => isFree(address)),
      );
      assert.ok(tried <= 65, "no more than one address is tried in vain after the listing");
    }),
  );
});
