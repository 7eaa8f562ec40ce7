import assert from "node:assert/strict";
import { test } from "node:test";
import { fillPattern, mismatch, type Pattern } from "./match.ts";

const link = { ifname: "eth0", mtu: 1500, flags: ["UP", "LOWER_UP"], addr_info: [{ local: "10.1.0.2" }] };

const matching: [what: string, pattern: Pattern, value: unknown][] = [
  ["a plain value is itself", "eth0", "eth0"],
  ["null is null", null, null],
  ["an object allows more", { ifname: "eth0" }, link],
  ["an empty object is any object", {}, link],
  ["a list of each entry", { addr_info: [{ local: "10.1.0.2" }] }, link],
  ["a regular expression", { $match: "^eth\\d$" }, "eth0"],
  ["among others", { flags: { $has: ["UP"] } }, link],
  ["two patterns may mean one entry", { $has: [{ a: 1 }, { b: 2 }] }, [{ a: 1, b: 2 }]],
  ["none of these", { flags: { $lacks: ["NOARP", { $match: "DOWN" }] } }, link],
  ["no other keys", { $exactly: { a: 1 } }, { a: 1 }],
  ["anything but", { $not: 5 }, 6],
  ["no such key", { master: { $absent: true } }, link],
  ["one of several", { $anyOf: [5, "5"] }, "5"],
  ["anything that is there", { $any: true }, null],
  ["so many", { $length: 2 }, [1, 2]],
  ["a captured value that is like something", { $as: "x", like: { $match: "^\\d+$" } }, "5"],
];

for (const [what, pattern, value] of matching) {
  test(`matches: ${what}`, () => assert.equal(mismatch(pattern, value, new Map()), undefined));
}

const different: [what: string, pattern: Pattern, value: unknown, says: RegExp][] = [
  ["a number is no text", 5, "5", /^\.: expected 5, got "5"$/],
  ["a missing key", { mtu: 5 }, {}, /^\.mtu: expected 5, got nothing$/],
  ["deep below", { a: [{ b: 1 }] }, { a: [{ b: 2 }] }, /^\.a\[0\]\.b: expected 1, got 2$/],
  ["a longer list", [1], [1, 2], /expected \[1\], got \[1,2\]/],
  ["a list is no object", { a: 1 }, [1], /expected/],
  ["no object is there", { a: 1 }, null, /expected/],
  ["a number for a regular expression", { $match: "5" }, 5, /something like \/5\//],
  ["none among others", { $has: [1, 3] }, [1, 2], /among others 3/],
  ["no list", { $has: [1] }, "1", /a list/],
  ["one that should not be there", { $lacks: [2] }, [1, 2], /2 should not be there/],
  ["no list to lack something", { $lacks: [2] }, undefined, /a list/],
  ["a key too many", { $exactly: { a: 1 } }, { a: 1, b: 2 }, /no b/],
  ["what it should not be", { $not: { $match: "x" } }, "x", /anything but/],
  ["a key that should not be", { a: { $absent: true } }, { a: null }, /nothing/],
  ["none of several", { $anyOf: [1, 2] }, 3, /one of \[1,2\]/],
  ["nothing at all", { a: { $any: true } }, {}, /anything/],
  ["too many", { $length: 1 }, [1, 2], /a list of 1/],
  ["nothing to capture", { $as: "x" }, undefined, /anything/],
];

for (const [what, pattern, value, says] of different) {
  test(`differs: ${what}`, () => assert.match(mismatch(pattern, value, new Map()) ?? "", says));
}

test("values are captured as texts, also when another part differs", () => {
  const captured = new Map<string, string>();
  const pattern = { ifname: { $as: "name" }, addr_info: { $as: "addresses" }, mtu: 1 };
  assert.match(mismatch(pattern, link, captured) ?? "", /mtu/);
  assert.deepEqual(Object.fromEntries(captured), { name: "eth0", addresses: '[{"local":"10.1.0.2"}]' });
});

test("a misspelt operator is a mistake of the scenario", () => {
  assert.throws(() => mismatch({ $hsa: [] }, [], new Map()), /there is no \$hsa/);
  assert.throws(() => mismatch({ $has: 5 }, [], new Map()), /a list of patterns/);
  assert.throws(() => mismatch({ $match: 5 }, "", new Map()), /regular expression/);
});

test("every text of a pattern is filled", () => {
  const fill = (text: string) => text.replace("X", "eth0");
  const pattern = { a: ["X", { $match: "^X$" }], b: 5, c: null };
  assert.deepEqual(fillPattern(pattern, fill), { a: ["eth0", { $match: "^eth0$" }], b: 5, c: null });
});
