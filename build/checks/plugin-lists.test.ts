import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../..");

// The suite is for anybody's plugins, and imports nothing of the rest.
for (const file of ["build/program/plugin-names.ts", "conformance/harness/plugins/binaries.ts"]) {
  test(`${file} lists the folders of plugins`, () => {
    const [, list = ""] =
      /pluginNames\b[^=]*= \[([^\]]*)\]/.exec(readFileSync(join(root, file), "utf8")) ?? [];
    const names = [...list.matchAll(/"([^"]+)"/g)].map(([, name]) => name);
    assert.deepEqual(names.toSorted(), readdirSync(join(root, "plugins")).toSorted());
  });
}
