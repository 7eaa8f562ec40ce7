import assert from "node:assert/strict";
import { closeSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { linkUnnamedFile, openUnnamedFile } from "./unnamed-file.ts";

test("an unnamed file gets its name complete, and takes nobody's name", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "unnamed-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const fd = openUnnamedFile(directory, 0o600);
  assert.ok(fd !== undefined, "the file system of the temporary directory has unnamed files");
  writeFileSync(fd, "content");
  assert.deepEqual(readdirSync(directory), []);
  assert.equal(linkUnnamedFile(fd, join(directory, "a")), true);
  assert.equal(linkUnnamedFile(fd, join(directory, "a")), false);
  assert.throws(() => linkUnnamedFile(fd, join(directory, "none/a")), { errno: "ENOENT" });
  closeSync(fd);
  assert.equal(readFileSync(join(directory, "a"), "utf8"), "content");
});

test("a directory that is not there is told apart from a file system without unnamed files", () => {
  assert.throws(() => openUnnamedFile("/nowhere", 0o600), { code: "ENOENT" });
});

test("a file system without unnamed files is recognised", { skip: process.getuid?.() !== 0 }, () => {
  assert.equal(openUnnamedFile("/proc", 0o600), undefined);
});
