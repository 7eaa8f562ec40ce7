import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Script } from "node:vm";
import { bundleWithBuiltIn } from "./bundle.ts";
import { asBuiltIn, asFunction } from "./compile.ts";

test("a plugin within a program is a script of its own, and shares the program's modules", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "bundle-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const module = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  module("shared.ts", 'export class Failure extends Error {}\nexport const unused = "nobody uses it";\n');
  const plugin = module(
    "plugin.ts",
    'import { Failure } from "./shared.ts";\nexport const plugin = { fail: () => new Failure("of the plugin") };\n',
  );
  const main = module(
    "main.ts",
    `import { Failure } from "./shared.ts";
     import { isAbsolute } from "node:path";
     codeCacheRejected({ identities: CNI_BUILT_INS, shared: CNI_SHARED, isOwn: (e) => e instanceof Failure, isAbsolute });`,
  );

  const { program, builtIn } = await bundleWithBuiltIn(main, "inside", { module: plugin, identity: "abc" });
  assert.equal(program.includes("of the plugin"), false);
  assert.equal(builtIn.includes("class"), false);
  assert.equal(`${program}${builtIn}`.includes("nobody uses it"), false);
  assert.equal(`${program}${builtIn}`.includes(folder), false);

  const given: Given[] = [];
  // The second free name of a program is as good as any to give something by.
  const run = new Script(asFunction(program)).runInThisContext();
  run(process.getBuiltinModule, (value: Given) => given.push(value));
  const [own] = given;
  assert.ok(own);
  assert.equal(own.identities, '{"inside":"abc"}');
  assert.equal(own.isAbsolute("/x"), true);
  const inside: Inside[] = [];
  const runInside = new Script(asBuiltIn(builtIn)).runInThisContext();
  runInside(process.getBuiltinModule, own.shared(), (value: Inside) => inside.push(value));
  const failure = inside[0]?.fail();
  assert.equal(failure?.message, "of the plugin");
  assert.equal(own.isOwn(failure), true);
});

interface Given {
  identities: string;
  shared: () => object;
  isOwn: (value: unknown) => boolean;
  isAbsolute: (path: string) => boolean;
}

interface Inside {
  fail: () => Error;
}
