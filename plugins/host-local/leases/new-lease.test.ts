import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { prepareLeases, writeInPlace } from "./new-lease.ts";

function temporary(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "host-local-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test("a lease is seen only when it has its address, and never replaces another", (t) => {
  const directory = temporary(t);
  writeFileSync(join(directory, "10.0.0.2"), "other");
  const [first, second] = prepareLeases(directory, "c\r\neth0", 2);
  assert.deepEqual(readdirSync(directory), ["10.0.0.2"]);
  assert.equal(first?.take("10.0.0.2"), false);
  assert.equal(first?.take("10.0.0.3"), true);
  assert.equal(second?.take("10.0.0.3"), false);
  assert.equal(second?.take("fd00::3"), true);
  first?.close();
  second?.close();
  assert.deepEqual(readdirSync(directory).sort(), ["10.0.0.2", "10.0.0.3", "fd00::3"]);
  assert.equal(readFileSync(join(directory, "10.0.0.2"), "utf8"), "other");
  for (const name of ["10.0.0.3", "fd00::3"]) {
    assert.equal(readFileSync(join(directory, name), "utf8"), "c\r\neth0");
    assert.equal(statSync(join(directory, name)).mode & 0o777, 0o600);
  }
});

test("a lease that is not used leaves nothing", (t) => {
  const directory = temporary(t);
  for (const lease of prepareLeases(directory, "c\r\neth0", 3)) lease.close();
  assert.deepEqual(readdirSync(directory), []);
});

test("writing in place, for other file systems, does not replace a lease either", (t) => {
  const path = join(temporary(t), "10.0.0.2");
  assert.equal(writeInPlace(path, "c\r\neth0"), true);
  assert.equal(writeInPlace(path, "d\r\neth0"), false);
  assert.equal(readFileSync(path, "utf8"), "c\r\neth0");
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("a directory that cannot be written to is named with the cause", () => {
  assert.throws(() => prepareLeases("/proc/sys/none", "c\r\neth0", 1), {
    errno: "ENOENT",
    message: /^cannot write a lease in \/proc\/sys\/none: ENOENT/,
  });
});
