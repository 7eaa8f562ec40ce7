import assert from "node:assert/strict";
import { test } from "node:test";
import { calledFunctions, compiledFunctions, functionsOf, warmFunctions } from "./functions.ts";

const script =
  "(function () { function one() { return () => 1; } class Two { #three = 3; four() {} } const five = (x) => x; })";

/** The texts of functions. */
const texts = (found: readonly { start: number; end: number }[]) =>
  found.map(({ start, end }) => script.slice(start, end));

const hashOf = (text: string): string => {
  const found = functionsOf(script).find(({ start, end }) => script.slice(start, end) === text);
  assert.ok(found !== undefined);
  return found.hash;
};

const endOf = (text: string): number => script.indexOf(text) + text.length;

test("functions, methods, arrow functions and fields are found, outer ones first", () => {
  assert.deepEqual(texts(functionsOf(script)), [
    script.slice(1, -1),
    "function one() { return () => 1; }",
    "() => 1",
    "#three = 3;",
    "four() {}",
    "(x) => x",
  ]);
});

test("each tells a place that is in none of those within it", () => {
  const all = functionsOf(script);
  for (const { inside, start, end } of all) {
    const innermost = all.findLast((other) => other.start <= inside && inside < other.end);
    assert.equal(innermost?.start, start);
    assert.ok(inside < end);
  }
});

test("what is within a cold function may be warm", () => {
  const cold = new Set([hashOf("function one() { return () => 1; }"), hashOf("(x) => x")]);
  assert.deepEqual(texts(warmFunctions(script, cold)), [
    script.slice(1, -1),
    "() => 1",
    "#three = 3;",
    "four() {}",
  ]);
  assert.equal(warmFunctions(script, new Set()).length, 6);
});

test("functions were called or not by where they end; fields are not asked about", () => {
  const called = calledFunctions(script, new Set([script.length - 1, endOf("four() {}")]));
  assert.equal(called.get(hashOf("four() {}")), true);
  assert.equal(called.get(hashOf("(x) => x")), false);
  assert.equal(called.get(hashOf("#three = 3;")), undefined);
});

test("of two functions with the same text one call is enough", () => {
  const twice = "(function () { const a = () => 1; const b = () => 1; })";
  const hash = functionsOf(twice)[1]?.hash ?? "";
  assert.equal(calledFunctions(twice, new Set([twice.indexOf("1;") + 1])).get(hash), true);
});

test("V8's log tells what of the program was compiled", () => {
  const log = [
    "v8-version,13,6,233,17,-node,0",
    "function,interpreter,12,10,20,0,5354,snapshot script",
    "function,full-parse,13,100,200,0.05,5300,parsed",
    "function,interpreter,13,100,200,0,5354,one",
    "function,interpreter,13,300,400,0,5446,",
  ].join("\n");
  assert.deepEqual(compiledFunctions(log), [200, 400]);
  assert.deepEqual(compiledFunctions(""), []);
});
