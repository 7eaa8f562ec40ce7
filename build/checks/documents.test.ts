import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { missingPaths, namedPaths } from "./documents.ts";

const root = join(import.meta.dirname, "../..");

for (const [name, lines] of [
  ["ARCHITECTURE.md", 250],
  ["CONTRIBUTING.md", 120],
] as const) {
  test(`${name} names paths that exist, and is short`, () => {
    const text = readFileSync(join(root, name), "utf8");
    assert.deepEqual(missingPaths(root, text), []);
    assert.ok(namedPaths(text).length > 5);
    assert.ok(text.split("\n").length <= lines);
  });
}

test("a path that is not there is found", () => {
  const text =
    "see `shared/cni/gone.ts`, [it](build/gone.md#part), `plugins/NAME/main.ts`, `a/b`, `shared/cni`";
  assert.deepEqual(missingPaths(root, text), ["shared/cni/gone.ts", "build/gone.md"]);
});
