import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { listOf, runtimeList, runtimeListFile, typeAliases } from "./runtime-list.ts";

test("shared/runtime/README.md says what is there: else run `npm run runtime-list`", () => {
  assert.equal(readFileSync(runtimeListFile, "utf8"), runtimeList());
});

const text = `
/** Node's thing, as far as plugins use it: https://example.org. */
import { type Other } from "./other.ts";

export type Kind = "a" | "b";

/** Only one kind. */
export function removeSync(path: string, kind?: Kind): void;
export function removeSync(path: string): void;
export function removeSync(
  path: string,
  kind: Kind = "a",
): void {}

export function plainSync(): Other {}

export const constants = { ONE: 1, TWO: 2 };

/** Nobody sees it. */
function own() {}

/** A class. */
export class Thing {
  #hidden = 1;
  readonly size: number;
  constructor() {}
  /** From anything. */
  static from(source: string): Thing;
  static from(source: number): Thing;
  static from(source: string | number): Thing {}
}
`;

test("exports and their members are listed with signatures and docstrings", () => {
  assert.deepEqual(listOf(text, typeAliases(text)).split("\n"), [
    "Node's thing, as far as plugins use it: https://example.org.",
    "",
    '- `removeSync(path: string, kind?: "a" | "b"): void`: Only one kind.',
    "- `removeSync(path: string): void`",
    "- `plainSync(): Other`",
    "- `constants: ONE, TWO`",
    "- `class Thing`: A class.",
    "  - `size: number`",
    "  - `static from(source: string): Thing`: From anything.",
    "  - `static from(source: number): Thing`",
  ]);
});

test("of one class only the members are listed", () => {
  assert.deepEqual(listOf(text, new Map(), "Thing").split("\n").slice(2, 4), [
    "- `size: number`",
    "- `static from(source: string): Thing`: From anything.",
  ]);
});
