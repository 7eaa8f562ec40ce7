import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { test } from "node:test";
import { asSystemError, errnoName, isErrno, SystemError } from "./system-error.ts";

test("names operation, errno and cause", () => {
  const error = new SystemError('cannot create link "cni0"', -constants.errno.EPERM);
  assert.equal(error.message, 'cannot create link "cni0": EPERM, operation not permitted');
  assert.deepEqual([error.kind, error.errno, error.advice], ["refused", "EPERM", undefined]);
});

test("shows the kernel's own words", () => {
  const error = new SystemError("cannot set mtu", constants.errno.EINVAL, "mtu greater than device maximum");
  assert.equal(
    error.message,
    "cannot set mtu: EINVAL, invalid argument (kernel: mtu greater than device maximum)",
  );
});

test("numbers that have no name", () => {
  assert.equal(errnoName(4095), "errno 4095");
  assert.equal(new SystemError("x", 4095).message, "x: errno 4095");
});

test("numbers with two names have the kernel's", () => {
  assert.equal(errnoName(constants.errno.EAGAIN), "EAGAIN");
  assert.equal(errnoName(constants.errno.ENOTSUP), "EOPNOTSUPP");
});

test("every number that Node.js knows has a name that stands for it", () => {
  for (const [name, number] of Object.entries(constants.errno)) {
    assert.equal(new Map(Object.entries(constants.errno)).get(errnoName(number)), number, name);
  }
});

test("errnos of the kernel that Node.js does not know are named", () => {
  const error = new SystemError('cannot set master of "veth1"', -54);
  assert.equal(error.message, 'cannot set master of "veth1": EXFULL, exchange full');
});

test("an errno without words of its own is named", () => {
  assert.equal(new SystemError("cannot run x", "ETXTBSY").message, "cannot run x: ETXTBSY");
});

test("kind and advice can be the caller's", () => {
  const cause = new Error("why");
  const error = new SystemError("x", "ENOENT", "", { kind: "netns", advice: "do that", cause });
  assert.deepEqual([error.kind, error.advice, error.errno], ["netns", "do that", "ENOENT"]);
  assert.equal(error.cause, cause);
});

test("failures of node:fs become system errors, others stay", () => {
  try {
    readFileSync("/nonexistent/x");
    assert.fail("it exists");
  } catch (cause) {
    const error = asSystemError("cannot read /nonexistent/x", cause);
    assert.ok(isErrno(error, "EISDIR", "ENOENT"));
    assert.ok(!isErrno(error, "EISDIR"));
    assert.ok(error instanceof SystemError && error.cause === cause);
    assert.equal(error.message, "cannot read /nonexistent/x: ENOENT, no such file or directory");
  }
  const other = new TypeError("x");
  assert.equal(asSystemError("y", other), other);
});
