import assert from "node:assert/strict";
import { test } from "node:test";
import { conflistFiles, readConflist } from "../../harness/plugins/conflist.ts";
import { embeddedLists } from "./conflists.ts";

test("the embedded configurations are those of the fixtures", () => {
  assert.deepEqual(
    embeddedLists.map(({ file }) => file),
    conflistFiles(),
  );
  for (const { file, plugins, ...list } of embeddedLists) {
    const { name, cniVersion, plugins: wanted } = readConflist(file);
    // A single plugin's file has the keys of the list in it.
    const own = plugins.map((plugin) => (file.endsWith(".conf") ? { ...list, ...plugin } : plugin));
    assert.deepEqual({ ...list, plugins: own }, { name, cniVersion, plugins: wanted }, file);
  }
});
