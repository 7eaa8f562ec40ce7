import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { makeDirectory } from "./make-directory.ts";

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "make-directory-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

test("makes what is missing, with the mode, and tells the topmost", (t) => {
  const directory = scratch(t);
  assert.equal(makeDirectory(`${directory}/a/b/c`, 0o700), `${directory}/a`);
  for (const path of ["a", "a/b", "a/b/c"])
    assert.equal(statSync(`${directory}/${path}`).mode & 0o777, 0o700);
  assert.equal(makeDirectory(`${directory}/a/b/c`, 0o755), undefined);
  assert.equal(statSync(`${directory}/a/b/c`).mode & 0o777, 0o700);
  assert.equal(makeDirectory(`${directory}/a/b/d`, 0o755), `${directory}/a/b/d`);
});

test("follows a symbolic link to a directory", (t) => {
  const directory = scratch(t);
  makeDirectory(`${directory}/real`, 0o755);
  symlinkSync("real", `${directory}/link`);
  assert.equal(makeDirectory(`${directory}/link`, 0o755), undefined);
  assert.equal(makeDirectory(`${directory}/link/x`, 0o755), `${directory}/link/x`);
});

test("fails where a file is in the way, and where nothing can be made", (t) => {
  const directory = scratch(t);
  writeFileSync(`${directory}/file`, "");
  assert.throws(() => makeDirectory(`${directory}/file`, 0o755), { code: "EEXIST" });
  assert.throws(() => makeDirectory(`${directory}/file/x`, 0o755), { code: "EEXIST" });
  assert.throws(() => makeDirectory("/proc/nope/x", 0o755), { code: "ENOENT" });
});
