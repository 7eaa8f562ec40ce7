import assert from "node:assert/strict";
import { test } from "node:test";
import { commandSince, isAtLeast, specVersions, versionList } from "./versions.ts";

test("a scenario names versions by all, by a list, or from one to another", () => {
  assert.deepEqual(versionList(undefined), ["1.1.0"]);
  assert.deepEqual(versionList("all"), specVersions);
  assert.deepEqual(versionList(["0.2.0"]), ["0.2.0"]);
  assert.deepEqual(versionList({ from: "0.4.0" }), ["0.4.0", "1.0.0", "1.1.0"]);
  assert.deepEqual(versionList({ to: "0.2.0" }), ["0.1.0", "0.2.0"]);
  assert.deepEqual(versionList({ from: "0.3.0", to: "0.4.0" }), ["0.3.0", "0.3.1", "0.4.0"]);
});

test("versions are compared number by number", () => {
  assert.deepEqual(
    [...specVersions].sort((a, b) => (isAtLeast(a, b) ? 1 : -1)),
    [...specVersions],
  );
  assert.ok(isAtLeast("1.10.0", "1.9.0"));
  assert.ok(isAtLeast("1.0.0", "1.0.0"));
  assert.ok(!isAtLeast("0.4.0", "1.0.0"));
});

test("CHECK, GC and STATUS came later", () => {
  assert.deepEqual(["ADD", "DEL", "CHECK", "GC", "STATUS"].map(commandSince), [
    "0.1.0",
    "0.1.0",
    "0.4.0",
    "1.1.0",
    "1.1.0",
  ]);
});
