import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { requireWritableDirectory } from "./writable-directory.ts";

test("a directory, one that is still to be made, what is none, and where nothing can be made", (t) => {
  const directory = mkdtempSync(`${tmpdir()}/writable-`);
  t.after(() => rmSync(directory, { recursive: true }));
  requireWritableDirectory(directory);
  requireWritableDirectory(`${directory}/a/b/c`);
  assert.deepEqual(readdirSync(directory), []);
  writeFileSync(`${directory}/file`, "");
  assert.throws(() => requireWritableDirectory(`${directory}/file`), { code: "ENOTDIR" });
  assert.throws(() => requireWritableDirectory(`${directory}/file/a/b`), { code: "ENOTDIR" });
});
