import assert from "node:assert/strict";
import { test } from "node:test";
import { moduleOf } from "./module.ts";

test("finds every way to import a module, and none in comments", () => {
  const text = `
import a, { b } from "./one.ts";
import type { C } from "./two.ts";
import {
  d,
  type E,
} from "./three.ts";
import * as f from "./four.ts";
import "./five.ts";
export { g } from "./six.ts";
export * from "./seven.ts";
const h = await import("./eight.ts");
const i = require("./nine.ts");
// import { j } from "./ten.ts";
/* import("./eleven.ts") */
export const k = 1;
const l = "from elsewhere";
`;
  const numbers = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
  assert.deepEqual(
    moduleOf("a.ts", text).imports.map(({ name }) => name),
    numbers.map((number) => `./${number}.ts`),
  );
});

test("a module tells what it takes from which other one, exports and uses", () => {
  const { imports, exports, used, kernelConstants } = moduleOf(
    "shared/ip/one.ts",
    `
import type { A, B as C } from "../linux/two.ts";
import * as all from "three";
export { d as e } from "./four.ts";
export const NLM_F_ACK = 1 << 2, other = called(NLM_F_ACK);
const EXDEV = 18n;
const NAMES = ["a"];
export function f(value: G): void;
export function f(value: unknown): void {}
export interface H { readonly h: typeof f }
export default other;
`,
  );
  assert.deepEqual(imports, [
    { name: "../linux/two.ts", path: "shared/linux/two.ts", names: ["A", "B"] },
    { name: "three", path: undefined, names: undefined },
    { name: "./four.ts", path: "shared/ip/four.ts", names: ["d"] },
  ]);
  assert.deepEqual(exports, ["e", "NLM_F_ACK", "other", "f", "f", "H", "default"]);
  assert.deepEqual(
    ["NLM_F_ACK", "other", "f", "G", "H", "EXDEV"].map((name) => used.has(name)),
    [true, true, true, true, false, false],
  );
  assert.deepEqual(kernelConstants, ["NLM_F_ACK", "EXDEV"]);
});
