import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readSmallFile } from "./small-file.ts";

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "small-file-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("a regular file is read whole, also through a link", (t) => {
  const folder = folderFor(t);
  for (const text of ["", "x", "é".repeat(5000), "a\0b\n"]) {
    writeFileSync(join(folder, "file"), text);
    assert.equal(readSmallFile(join(folder, "file")), text);
  }
  symlinkSync("file", join(folder, "link"));
  assert.equal(readSmallFile(join(folder, "link")), "a\0b\n");
});

test("a file may have as many bytes as the limit says, and no more", (t) => {
  const file = join(folderFor(t), "file");
  writeFileSync(file, "12345678");
  assert.equal(readSmallFile(file, 8), "12345678");
  assert.throws(() => readSmallFile(file, 7), { kind: "unusable", message: `${file} has more than 7 bytes` });
  truncateSync(file, 2 ** 40);
  assert.throws(() => readSmallFile(file), { kind: "unusable", message: /has more than 1048576 bytes/ });
});

test("what is no regular file is neither read nor waited for", (t) => {
  const folder = folderFor(t);
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  for (const path of [pipe, "/dev/zero", folder]) {
    assert.throws(() => readSmallFile(path), { kind: "unusable", message: `${path} is not a regular file` });
  }
  assert.throws(() => readSmallFile(join(folder, "none")), { code: "ENOENT" });
});
