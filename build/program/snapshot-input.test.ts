import assert from "node:assert/strict";
import { test } from "node:test";
import { parseColdFunctions, staleEntries } from "./cold-functions.ts";
import { programText } from "./executable.ts";
import { functionsOf, warmFunctions } from "./functions.ts";
import { pluginNames as plugins } from "./plugin-names.ts";
import { programOf } from "./plugins.ts";
import { asFunction } from "./script.ts";
import { coldFunctions, snapshotInput } from "./snapshot-input.ts";

for (const plugin of plugins) {
  test(`cold-functions/${plugin}.txt is about the plugin as it is: else run \`npm run profile\``, async () => {
    const { program } = await programText(programOf(plugin), () => "");
    const functions = functionsOf(program);
    const cold = coldFunctions(plugin);
    const stale = staleEntries(
      cold,
      functions.map(({ name }) => name),
    );
    assert.ok(stale.length <= cold.entries.length * 0.1, `these are gone:\n${stale.join("\n")}`);
    const share = 1 - warmFunctions(functions, cold).length / functions.length;
    assert.ok(share > 0.25, `only ${Math.round(share * 100)} % of ${functions.length} functions are cold`);
  });
}

test("a snapshot is made of a program and where its warm functions are", () => {
  const map = JSON.stringify({ version: 3, sources: [], sourcesContent: [], names: [], mappings: "" });
  const bundle = { text: "const one = () => 1;\n  function two() { return 2; }", map };
  const cold = parseColdFunctions("bundle /1.one\n");
  const lines = asFunction(bundle).split("\n");
  const ends = snapshotInput(bundle, cold).warm.map(({ lineNumber, columnNumber }) =>
    lines[lineNumber]?.slice(0, columnNumber + 1),
  );
  assert.deepEqual(ends, ["}", "  function two() { return 2; }"]);
  assert.equal(snapshotInput(bundle).warm.length, 3);
});
