import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { sourceFiles } from "../sources/source-files.ts";

/** shared/runtime stands in for Node's library, and imports nothing of ours. */
const isProduct = (path: string) =>
  /^(plugins|shared)\//.test(path) &&
  !path.startsWith("shared/runtime/") &&
  !/\.(test|fixture)\.ts$/.test(path);

test("a constant of the kernel is declared once", () => {
  const places = new Map<string, string[]>();
  for (const { name: file, path } of sourceFiles().filter(({ name }) => isProduct(name))) {
    const text = readFileSync(path, "utf8");
    for (const [, name = ""] of text.matchAll(
      /^\s*(?:export )?const ([A-Z][A-Z0-9]*_[A-Z0-9_]+|E[A-Z]+) =/gm,
    )) {
      places.set(name, [...(places.get(name) ?? []), file]);
    }
  }
  assert.ok((places.get("NLM_F_CREATE") ?? []).length === 1, "constants are found");
  const repeated = [...places].filter(([, paths]) => paths.length > 1);
  assert.deepEqual(repeated, []);
});
