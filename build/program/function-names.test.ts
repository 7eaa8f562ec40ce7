import assert from "node:assert/strict";
import { test } from "node:test";
import { namedFunctions } from "./function-names.ts";

const names = (text: string): readonly string[] => namedFunctions(text).map(({ name }) => name);

test("functions have the names of what is around them", () => {
  const text = `
    export function plan(list: string[]) {
      const long = list.filter((item) => item.length > 9);
      return long.map((item) => (other: string) => item + other).some((item) => item());
    }
    export class Reader {
      static read = () => 1;
      #own() { function within() {} }
      get size() { return 2; }
      set size(value) {}
      [Symbol.iterator]() {}
    }
    const table = { one() {}, "two": () => 3, three: { four: function named() {} } } as const;
    thing.member.handler = async () => {};
    export default () => 4;`;
  assert.deepEqual(names(text), [
    "plan",
    "plan.long/1",
    "plan/1",
    "plan/1/1",
    "plan/2",
    "Reader.read",
    "Reader.read",
    "Reader.#own",
    "Reader.#own.within",
    "Reader.size",
    "Reader.size#2",
    "Reader/1",
    "table.one",
    "table.two",
    "table.three.four",
    "handler",
    "/1",
  ]);
});

test("a function tells where else it may be said to begin", () => {
  const text = "export const one = async (a) => a; class B { static two() {} }";
  const at = (part: string): number => text.indexOf(part);
  assert.deepEqual(
    namedFunctions(text).map(({ start, beginnings }) => [start, [...beginnings].sort((a, b) => a - b)]),
    [
      [at("async"), [at("one"), at("a) =>")]],
      [at("static"), [at("two")]],
    ],
  );
});
