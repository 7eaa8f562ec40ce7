import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { bundle, bundleForSnapshot } from "./bundle.ts";

function folderWith(t: { after(undo: () => void): void }, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "bundle-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

test("a program for a snapshot asks for native code alone, and does not tell where it was bundled", async (t) => {
  const folder = folderWith(t, {
    "main.ts": `
      import { readFileSync } from "node:fs";
      import { other, unused } from "./other.ts";
      readFileSync(other, "utf8"); process.env["X"]; Buffer.from("x"); new TextDecoder();`,
    "other.ts": 'export const other = "of another module"; export const unused = "nobody uses it";',
  });
  const { text } = await bundleForSnapshot(join(folder, "main.ts"));
  assert.equal(text.includes("of another module"), true);
  assert.equal(text.includes("nobody uses it"), false);
  assert.equal(text.includes(folder), false);
  assert.doesNotMatch(text, /\brequire\(|\bnode:/);
  assert.match(text, /internalBinding\("fs"\)/);
  assert.match(await bundle(join(folder, "main.ts")), /require\("node:fs"\)/);
});

test("a program for a snapshot has no names of constants, and no methods that nothing calls", async (t) => {
  const folder = folderWith(t, {
    "main.ts": `
      import { FLAG, Thing, twice } from "./other.ts";
      const thing = new Thing();
      process.exit(twice(thing.used(FLAG)) + twice(thing.used(1)));`,
    "other.ts": `
      export const FLAG = 0x1000;
      export class Thing {
        used(number: number) { return number ^ 5; }
        never() { return helper("of nobody"); }
      }
      function helper(text: string) { return text.length; }
      export function twice(number: number) { if (number > 9) process.exit(2); return number * 2; }`,
  });
  const { text } = await bundleForSnapshot(join(folder, "main.ts"));
  assert.match(text, /used\(4096\)/);
  assert.match(text, /function twice\(number\)/);
  assert.doesNotMatch(text, /FLAG|never|helper|of nobody/);
});

test("what shared/runtime does not have stops the build", async (t) => {
  const folder = folderWith(t, {
    "module.ts": 'import { createServer } from "node:net"; createServer();',
    "name.ts": 'import { watch } from "node:fs"; watch("/");',
  });
  await assert.rejects(bundleForSnapshot(join(folder, "module.ts")), /node:net/);
  await assert.rejects(bundleForSnapshot(join(folder, "name.ts")), /"watch"/);
});

test("a plugin within a program is known by the identity of its own executable", async (t) => {
  const folder = folderWith(t, {
    "plugin.ts": 'export const plugin = { name: "the one within" };',
  });
  const builtIn = { module: join(folder, "plugin.ts"), identity: "abc" };
  const { text } = await bundleForSnapshot(join(folder, "plugin.ts"), builtIn);
  assert.equal(text.includes('"abc"') && text.includes("the one within"), true);
});

test("a program that needs ICU's data is refused", async (t) => {
  const folder = folderWith(t, {
    "main.ts": 'process.exit("a".localeCompare(process.env["X"] ?? "") + ["b"].length);',
  });
  await assert.rejects(bundleForSnapshot(join(folder, "main.ts")), /without ICU's data.*localeCompare/);
});
