import assert from "node:assert/strict";
import { test } from "node:test";
import { moduleOf } from "../sources/module.ts";
import { graphProblems } from "./module-graph.ts";

/** What is wrong with these modules, given by their paths. */
function problemsOf(texts: Readonly<Record<string, string>>): readonly string[] {
  return graphProblems(Object.entries(texts).map(([path, text]) => moduleOf(path, text)));
}

test("modules that are used and lead nowhere back are right", () => {
  const texts = {
    "plugins/bridge/main.ts": 'import { a } from "../../shared/ip/a.ts"; a();',
    "shared/ip/a.ts": 'import type { B } from "./b.ts"; export function a(): B { return inner(); }',
    "shared/ip/b.ts": "export type B = number;",
    "shared/ip/b.test.ts": 'import type { B } from "./b.ts"; const b: B = 1;',
  };
  assert.deepEqual(problemsOf(texts), []);
});

test("a cycle is refused, also of types alone", () => {
  const texts = {
    "shared/ip/a.ts": 'import { b } from "./b.ts"; export const a = b;',
    "shared/ip/b.ts": 'import { c } from "./c.ts"; export const b = c;',
    "shared/ip/c.ts": 'import type { a } from "./a.ts"; export let c: typeof a;',
  };
  assert.deepEqual(problemsOf(texts), [
    "a cycle: shared/ip/a.ts → shared/ip/b.ts → shared/ip/c.ts → shared/ip/a.ts",
  ]);
});

test("an export that nothing imports is refused", () => {
  const texts = {
    "shared/ip/a.ts": "export const a = 1; export const b = a;",
    "shared/ip/c.ts": 'import { b } from "./a.ts"; b();',
  };
  assert.deepEqual(problemsOf(texts), ["shared/ip/a.ts exports a, which nothing imports"]);
});

test("an export that only tests use is refused, unless its module uses it too", () => {
  const texts = {
    "shared/ip/a.ts": "export const a = 1; export const b = a; export const c = b;",
    "shared/ip/a.test.ts": 'import { a, b, c } from "./a.ts"; a(b, c);',
  };
  assert.deepEqual(problemsOf(texts), [
    "shared/ip/a.ts exports c, which only tests use: shared/ip/a.test.ts",
  ]);
});

test("what tests alone need may be in a fixture", () => {
  const texts = {
    "shared/ip/a.fixture.ts": "export const a = 1;",
    "shared/ip/a.test.ts": 'import { a } from "./a.fixture.ts"; a();',
  };
  assert.deepEqual(problemsOf(texts), []);
});

test("what plugins use of Node is used of shared/runtime", () => {
  const texts = {
    "shared/runtime/os.ts": "export const used = 1; export const unused = 2;",
    "plugins/bridge/main.ts": 'import { used } from "node:os"; used();',
    "build/build.ts": 'import { unused } from "node:os"; unused();',
  };
  assert.deepEqual(problemsOf(texts), ["shared/runtime/os.ts exports unused, which nothing imports"]);
});

test("a kernel constant that is declared in two files of executables is refused", () => {
  const texts = {
    "shared/netlink/a.ts": "const AF_NETLINK = 16;",
    "shared/linux/b.ts": "const AF_NETLINK = 0x10;",
    "conformance/harness/c.ts": "const AF_NETLINK = 16;",
    "shared/linux/b.test.ts": "const AF_NETLINK = 16;",
  };
  assert.deepEqual(problemsOf(texts), [
    "AF_NETLINK is declared more than once: shared/netlink/a.ts, shared/linux/b.ts",
  ]);
});
