import assert from "node:assert/strict";
import { test } from "node:test";
import { programText } from "./executable.ts";
import { functionsOf, warmFunctions } from "./functions.ts";
import { pluginNames as plugins } from "./plugin-names.ts";
import { programOf } from "./plugins.ts";
import { asFunction, coldFunctions, snapshotInput } from "./snapshot-input.ts";

test("cold-functions/ is about the plugins as they are: else run `npm run profile`", async () => {
  for (const plugin of plugins) {
    const { program } = await programText(programOf(plugin), () => "");
    const script = asFunction(program.text);
    const all = functionsOf(script).length;
    const share = 1 - warmFunctions(script, coldFunctions(plugin)).length / all;
    assert.ok(
      share > 0.25,
      `${plugin}: only ${Math.round(share * 100)} % of ${all} functions are known as cold`,
    );
  }
});

test("a snapshot is made of a program and where its warm functions are", () => {
  const bundle = "const one = () => 1;\n  function two() { return 2; }";
  const program = asFunction(bundle);
  const cold = new Set(
    functionsOf(program).flatMap(({ start, hash }) => (program.startsWith("()", start) ? [hash] : [])),
  );
  const lines = program.split("\n");
  const ends = snapshotInput({ text: bundle, map: "" }, cold).warm.map(({ lineNumber, columnNumber }) =>
    lines[lineNumber]?.slice(0, columnNumber + 1),
  );
  assert.deepEqual(ends, ["}", "  function two() { return 2; }"]);
  assert.equal(snapshotInput({ text: bundle, map: "" }).warm.length, 3);
});
