import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { asFunction, coldFunctions, writeCodeCache } from "./compile.ts";
import { programText } from "./executable.ts";
import { functionsOf, warmFunctions } from "./functions.ts";
import { executableOf, plugins } from "./plugins.ts";
import { pinnedNode } from "./runtime.ts";

test("cold-functions/ is about the plugins as they are: else run `npm run profile`", async () => {
  for (const plugin of plugins) {
    const { program } = await programText(executableOf(plugin), () => "");
    const script = asFunction(program);
    const all = functionsOf(script).length;
    const share = 1 - warmFunctions(script, coldFunctions(plugin)).length / all;
    assert.ok(
      share > 0.25,
      `${plugin}: only ${Math.round(share * 100)} % of ${all} functions are known as cold`,
    );
  }
});

test("what is cold is not in a code cache", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "compile-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [source, cache] = [join(folder, "program.js"), join(folder, "program.cache")];
  const { program } = await programText(executableOf("loopback"), () => "");
  writeFileSync(source, asFunction(program));
  const sizeWithout = (cold: ReadonlySet<string>): number => {
    writeCodeCache(pinnedNode, source, cache, cold);
    return statSync(cache).size;
  };
  const functions = functionsOf(asFunction(program)).map(({ hash }) => hash);
  const [all, warm, none] = [new Set<string>(), coldFunctions("loopback"), new Set(functions.slice(1))].map(
    sizeWithout,
  );
  assert.ok(Number(all) > Number(warm) && Number(warm) > Number(none), `${all}, ${warm}, ${none} bytes`);
});
