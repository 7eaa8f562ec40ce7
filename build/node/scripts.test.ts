import assert from "node:assert/strict";
import { test } from "node:test";
import { pinnedNode } from "./binary.ts";
import { replaceScript, scriptsOf } from "./scripts.ts";
import { snapshotScripts } from "./snapshot-scripts.ts";

const script = "one(); two();";
const binary = () => Buffer.from(`before\0${script}\0after`);

test("a script gives way to a text, and nothing else moves", () => {
  const changed = binary();
  replaceScript(changed, "name", script, "three();");
  assert.equal(changed.toString(), "before\0three();     \0after");
  replaceScript(changed, "name", "three();     ", "");
  assert.equal(changed.toString(), `before\0${" ".repeat(script.length)}\0after`);
});

test("what would not fit, or is not there once, is refused", () => {
  assert.throws(() => replaceScript(binary(), "name", script, `${script} `), /longer/);
  assert.throws(() => replaceScript(binary(), "name", "missing", ""), /not in this Node binary once/);
  assert.throws(() => replaceScript(Buffer.concat([binary(), binary()]), "name", script, ""), /once/);
  assert.throws(() => replaceScript(binary(), "name", undefined, ""), /no script name/);
});

test("the pinned Node has the scripts that are replaced", () => {
  const scripts = scriptsOf(pinnedNode);
  for (const name of Object.keys(snapshotScripts)) assert.equal(typeof scripts[name], "string", name);
});
