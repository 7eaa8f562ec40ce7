import assert from "node:assert/strict";
import { test } from "node:test";
import { interfaceNameProblem } from "./interface-name.ts";

test("good names", () => {
  for (const name of [
    "eth0",
    "br-0123456789ab",
    "eth0.7",
    "a",
    "...",
    "ö",
    'a"b\\',
    "日本語",
    "\ufeff",
    "\u2003",
  ]) {
    assert.equal(interfaceNameProblem(name), undefined, name);
  }
});

test("names that the kernel refuses, changes, or that no comment of a rule can hold", () => {
  const problems: [string, RegExp][] = [
    ["", /empty/],
    ["sixteen-bytes-xy", /15 bytes/],
    ["ö".repeat(8), /15 bytes/],
    [".", /\. or \.\./],
    ["..", /\. or \.\./],
    ["a/b", /\//],
    ["a:b", /:/],
    ["a b", /white space/],
    ["a\n", /white space/],
    ["\u00a0", /white space/],
    // Its second byte is 0xa0.
    ["à", /white space/],
    ["br%d", /%/],
    ["br%s", /%/],
    ["100%", /%/],
    ["a\u0001", /control/],
    ["a\u0000b", /control/],
    ["a\u007f", /control/],
    ["a\u0085", /control/],
    ["eth\ufffd", /UTF-8/],
  ];
  for (const [name, problem] of problems) assert.match(interfaceNameProblem(name) ?? "", problem, name);
});
