import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isJsonObject, JsonNumber, JsonSyntaxError, type JsonValue, readJson } from "./json-read.ts";

/** What `JSON.parse` makes of the same text. */
function plain(value: JsonValue): unknown {
  if (value instanceof JsonNumber) return Number(value.source);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
}

function duplicatesOf(text: string): string[] {
  const found: string[] = [];
  readJson(text, (path, key) => found.push([...path, key].join("/")));
  return found;
}

function messageFor(text: string): string {
  try {
    readJson(text);
  } catch (error) {
    assert.ok(error instanceof JsonSyntaxError);
    return error.message;
  }
  throw new Error(`accepted ${JSON.stringify(text)}`);
}

test("reads what JSON.parse reads", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(4), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      assert.deepEqual(plain(readJson(text)), JSON.parse(text));
    }),
  );
});

test("accepts and refuses the same texts as JSON.parse", () => {
  const pieces = fc.constantFrom(
    ...'{}[],:"\\ \n\t\u0001a0-.e+1/' /* pieces of JSON and of mistakes */,
    "true",
    "null",
    '"k"',
    "\\u00",
    "\ufeff",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 9 }), (list) => {
      const text = list.join("");
      let wanted: unknown;
      try {
        wanted = JSON.parse(text);
      } catch {
        assert.throws(() => readJson(text), JsonSyntaxError);
        return;
      }
      assert.deepEqual(plain(readJson(text)), wanted);
    }),
    { numRuns: 3000 },
  );
});

test("keeps how a number was written", () => {
  assert.equal(readJson("1500"), 1500);
  assert.equal(readJson("-7"), -7);
  for (const source of ["1.0", "1e3", "5E-1", "9007199254740993", "123456789012345678901234567890"]) {
    const value = readJson(source);
    assert.ok(value instanceof JsonNumber, source);
    assert.equal(value.source, source);
  }
});

test("merges objects under a repeated key and replaces other values", () => {
  const value = plain(readJson('{"a":1,"ipam":{"x":1,"y":{"z":1}},"a":2,"ipam":{"x":3,"y":{"q":4}}}'));
  assert.deepEqual(value, { a: 2, ipam: { x: 3, y: { z: 1, q: 4 } } });
  assert.deepEqual(plain(readJson('{"a":{"x":1},"a":[2]}')), { a: [2] });
  assert.deepEqual(plain(readJson('{"a":{"x":1},"a":null}')), { a: null });
});

test("tells of repeated keys, with the path to their object", () => {
  assert.deepEqual(duplicatesOf('{"a":1,"b":{"a":1}}'), []);
  assert.deepEqual(duplicatesOf('{"a":1,"a":1}'), ["a"]);
  assert.deepEqual(duplicatesOf('{"sysctl":{"k":"1","k":"1"}}'), ["sysctl/k"]);
  assert.deepEqual(duplicatesOf('{"args":{"cni":{"k":[{"d":1,"d":2}]}}}'), ["args/cni/k/d"]);
});

test("tells of keys that two objects under a repeated key have in common", () => {
  assert.deepEqual(duplicatesOf('{"sysctl":{"k":"1"},"sysctl":{"l":"1"}}'), ["sysctl"]);
  assert.deepEqual(duplicatesOf('{"sysctl":{"k":"1"},"sysctl":{"k":"2"}}'), ["sysctl", "sysctl/k"]);
  assert.deepEqual(duplicatesOf('{"a":{"b":{"c":1}},"a":{"b":{"c":2}}}'), ["a", "a/b", "a/b/c"]);
});

/** A test of work that would take hours if each repetition cost as much as all before it. */
const linear = { timeout: 120_000 };

test("a document that repeats a key takes a time that is linear in its length", linear, () => {
  const count = 60_000;
  const members = Array.from({ length: count }, (_, index) => `"a":{"b":{"k${index}":${index}}}`);
  const read = plain(readJson(`{${members.join(",")}}`));
  assert.deepEqual(read, {
    a: { b: Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index])) },
  });
  const same = Array.from({ length: count }, () => '"a":{"b":{"k":1}}');
  let told = 0;
  assert.deepEqual(plain(readJson(`{${same.join(",")}}`, () => told++)), { a: { b: { k: 1 } } });
  assert.equal(told, 3 * (count - 1));
});

test("keys named like members of Object.prototype are ordinary keys", () => {
  assert.deepEqual(duplicatesOf('{"constructor":1,"__proto__":2,"toString":3}'), []);
  const value = readJson('{"__proto__":{"mtu":9000}}');
  assert.ok(isJsonObject(value));
  assert.deepEqual(Object.keys(value), ["__proto__"]);
  assert.equal(value["mtu"], undefined);
});

test("replaces unpaired surrogates", () => {
  assert.equal(readJson('"\\ud800x"'), "\ufffdx");
  assert.equal(readJson('"\\ud83d\\ude00"'), "😀");
});

test("says where the mistake is", () => {
  const cases: [string, string][] = [
    ["", "unexpected end of JSON input"],
    ['{"a":', "unexpected end of JSON input"],
    ['{"a', "unexpected end of JSON input"],
    ["xx", 'invalid character "x" at line 1, column 1: expected a value'],
    ['{"a":1,}', 'invalid character "}" at line 1, column 8: expected a key in double quotes'],
    ['{\n  "a" 1}', 'invalid character "1" at line 2, column 7: expected ":" after a key'],
    ['{"a":1 "b":2}', 'invalid character "\\"" at line 1, column 8: expected "," or "}" after a member'],
    ["[1 2]", 'invalid character "2" at line 1, column 4: expected "," or "]" after an item'],
    ["{} x", 'invalid character "x" at line 1, column 4: expected nothing after the document'],
    ["\ufeff{}", 'invalid character "\ufeff" at line 1, column 1: expected a value'],
  ];
  for (const [text, message] of cases) assert.equal(messageFor(text), message, JSON.stringify(text));
});

test("endless nesting is an error, not a crash", () => {
  assert.match(messageFor("[".repeat(100_000)), /nested more than 1000 levels deep/);
});
