import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { encodeSparse } from "../../shared/executable/sparse-file.ts";
import { koffiAddon } from "./binary.ts";
import { withoutTrampolines } from "./koffi-addon.ts";

test("koffi works without its entry points for C, and is half the size", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "koffi-addon-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const whole = readFileSync(koffiAddon);
  const small = withoutTrampolines(whole);
  assert.equal(small.length, whole.length);
  assert.ok(encodeSparse(small).length < whole.length / 2);

  const path = join(folder, "koffi.node");
  writeFileSync(path, small);
  const program = `
    const module = { exports: {} };
    process.dlopen(module, process.argv[1]);
    const libc = module.exports.load(null);
    const told = [libc.func("int getpid()")() === process.pid, libc.func("int abs(int)")(-7)];
    try { libc.func("int no_such_function()"); } catch (error) { told.push(error.message); }
    try { libc.func("no type at all()"); } catch (error) { told.push(error.constructor.name); }
    console.log(JSON.stringify(told));`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["-e", program, path], { encoding: "utf8" });
  assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
  assert.deepEqual(JSON.parse(stdout), [
    true,
    7,
    "Cannot find function 'no_such_function' in shared library",
    "Error",
  ]);
});

test("what is no such addon stays as it is", () => {
  const node = Buffer.from(readFileSync(process.execPath));
  assert.ok(withoutTrampolines(node).equals(node));
});
