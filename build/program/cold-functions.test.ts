import assert from "node:assert/strict";
import { test } from "node:test";
import { formatColdFunctions, parseColdFunctions, staleEntries } from "./cold-functions.ts";

const called = (names: Readonly<Record<string, boolean>>): Map<string, boolean> =>
  new Map(Object.entries(names));
const functions = called({
  "a.ts one": true,
  "a.ts two": true,
  "a.ts two/1": true,
  "b.ts B.read": true,
  "b.ts B.read/1": true,
  "b.ts B.readAll": false,
  "b.ts B.write": true,
  "b.ts C.parse": true,
  "b.ts C.parse/1": false,
  "c.ts only": true,
});

test("cold functions are a list in which files, classes and functions are one line when all of them is cold", () => {
  assert.deepEqual(formatColdFunctions(functions).split("\n"), [
    "a.ts *",
    "b.ts B.read *",
    "b.ts B.write",
    "b.ts C.parse",
    "c.ts only",
    "",
  ]);
});

test("a list says of each function what it was made from", () => {
  const cold = parseColdFunctions(formatColdFunctions(functions));
  for (const [name, isCold] of functions) assert.equal(cold.has(name), isCold, name);
});

test("what is new where all is cold is cold, and all else is not", () => {
  const cold = parseColdFunctions(formatColdFunctions(functions));
  const found = ["a.ts three", "b.ts B.read/2/1", "b.ts B.write/1", "b.ts B", "c.ts only.other", "d.ts a"];
  assert.deepEqual(
    found.filter((name) => cold.has(name)),
    ["a.ts three", "b.ts B.read/2/1"],
  );
});

test("entries that name nothing any more are found", () => {
  const cold = parseColdFunctions(
    "a.ts *\nb.ts B.read *\nb.ts gone\nb.ts B.gone *\ngone.ts *\nb.ts B.write\n",
  );
  assert.deepEqual(staleEntries(cold, functions.keys()), ["b.ts gone", "b.ts B.gone *", "gone.ts *"]);
});
