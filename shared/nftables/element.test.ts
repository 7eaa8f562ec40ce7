import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DecodeError } from "../netlink/attribute-reader.ts";
import type { Command } from "./command.ts";
import { concatenate, portValue, protocolValue } from "./data-type.ts";
import { addElements, decodeElements, deleteElements, type Element } from "./element.ts";
import type { NamedSet } from "./set.ts";

const table = { family: "inet", name: "t" } as const;
const hosts: NamedSet = { table, name: "hosts", key: ["ipv4_addr"] };
const map: NamedSet = { table, name: "map", key: ["ipv4_addr"], data: ["inet_service"] };
const ranges: NamedSet = { table, name: "ranges", key: ["ipv4_addr"], interval: true };
const pairs: NamedSet = { table, name: "pairs", key: ["inet_proto", "inet_service"], interval: true };

function bodies(commands: readonly Command[]): Uint8Array[] {
  return commands.map(({ body }) => body);
}

const key = fc.uint8Array({ minLength: 4, maxLength: 4 });
const comment = fc.stringMatching(/^[ -!#-~]{0,128}$/);

test("what is written is read again", () => {
  const element = fc.record({ key, comment, timeout: fc.nat() }, { noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(element), (elements) =>
      assert.deepEqual(decodeElements(hosts, bodies(addElements(hosts, elements))), elements),
    ),
  );
});

test("data of maps are values or verdicts", () => {
  const elements: Element[] = [
    { key: Uint8Array.of(10, 0, 0, 1), data: { value: portValue(80) } },
    { key: Uint8Array.of(10, 0, 0, 2), data: { verdict: { kind: "goto", chain: "c" } } },
  ];
  assert.deepEqual(decodeElements(map, bodies(addElements(map, elements))), elements);
});

test("ranges of one type are written as begin and end, and joined again in any order", () => {
  const number = fc.nat({ max: 0xffff_ffff });
  const toKey = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return Uint8Array.from(bytes);
  };
  fc.assert(
    fc.property(fc.uniqueArray(number, { minLength: 2, maxLength: 12 }), fc.boolean(), (numbers, reverse) => {
      const bounds = numbers.toSorted((a, b) => a - b);
      const wanted: Element[] = [];
      for (let index = 0; index + 1 < bounds.length; index += 2) {
        wanted.push({ key: toKey(bounds[index] ?? 0), keyEnd: toKey(bounds[index + 1] ?? 0) });
      }
      const sent = bodies(wanted.flatMap((element) => addElements(ranges, [element])));
      assert.deepEqual(decodeElements(ranges, reverse ? sent.toReversed() : sent), wanted);
    }),
  );
});

test("a range to the last key has no end, one key is a range of itself", () => {
  const all: Element = { key: Uint8Array.of(0, 0, 0, 0), keyEnd: Uint8Array.of(255, 255, 255, 255) };
  const [command] = addElements(ranges, [all]);
  assert.deepEqual(command?.items, ["0.0.0.0"]);
  assert.deepEqual(decodeElements(ranges, bodies(addElements(ranges, [all]))), [all]);
  const one = Uint8Array.of(10, 0, 0, 1);
  assert.deepEqual(decodeElements(ranges, bodies(addElements(ranges, [{ key: one }]))), [
    { key: one, keyEnd: one },
  ]);
});

test("ranges of several types hold both ends in one element", () => {
  const from = concatenate(protocolValue(6), portValue(1));
  const to = concatenate(protocolValue(6), portValue(1023));
  const elements = [{ key: from, keyEnd: to }];
  const [command] = addElements(pairs, elements);
  assert.deepEqual(command?.items, ["6 . 1"]);
  assert.deepEqual(decodeElements(pairs, bodies(addElements(pairs, elements))), elements);
});

test("many elements become several commands, none of them too long for an attribute", () => {
  const elements = Array.from({ length: 3000 }, (_, index) => ({
    key: Uint8Array.of(10, 0, index >> 8, index & 255),
    comment: "x".repeat(128),
  }));
  const commands = addElements(hosts, elements);
  assert.ok(commands.length > 1);
  assert.deepEqual(decodeElements(hosts, bodies(commands)), elements);
  assert.equal(commands.flatMap(({ items }) => items ?? []).length, 3000);
  assert.deepEqual(addElements(hosts, []), []);
});

test("to delete an element its key is enough", () => {
  const whole = { key: Uint8Array.of(10, 0, 0, 1), comment: "x", timeout: 5 };
  assert.deepEqual(decodeElements(hosts, bodies(deleteElements(hosts, [whole]))), [{ key: whole.key }]);
});

test("cut or scrambled bytes never do worse than a DecodeError", () => {
  const elements = [{ key: Uint8Array.of(10, 0, 0, 1), comment: "owner", timeout: 7 }];
  for (const set of [hosts, ranges, pairs]) {
    const whole = bodies(addElements(hosts, elements))[0] ?? new Uint8Array(0);
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), fc.nat(), fc.nat({ max: 255 }), (cut, place, byte) => {
        const bytes = whole.slice(0, whole.length - cut);
        bytes[place % bytes.length] = byte;
        try {
          decodeElements(set, [bytes]);
        } catch (error) {
          assert.ok(error instanceof DecodeError, String(error));
        }
      }),
    );
  }
});
