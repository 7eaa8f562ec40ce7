import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import { call, native } from "./libc.ts";

test("a call returns its result, or the negated errno", () => {
  assert.equal(call("int getpid()"), process.pid);
  assert.equal(call("int close(int fd)", -1), -constants.errno.EBADF);
  assert.equal(call("int rmdir(const char *path)", "/nonexistent/x"), -constants.errno.ENOENT);
});

test("a function is declared once", () => {
  assert.equal(native("int getppid()"), native("int getppid()"));
});

test("a function that libc does not have is an error", () => {
  assert.throws(() => native("int no_such_function(int x)"), /no_such_function/);
});
