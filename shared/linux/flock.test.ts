import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import { isErrno } from "../errors/system-error.ts";
import { lockExclusive, unlock } from "./flock.ts";

function lockFile(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "flock-test-"));
  const path = join(folder, "lock");
  const fd = openSync(path, "w");
  t.after(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  return { path, fd };
}

/** Another process that has the lock until it ends. */
async function holder(t: TestContext, path: string): Promise<ChildProcessByStdio<null, Readable, null>> {
  const child = spawn("flock", [path, "sh", "-c", "echo held; exec sleep 1000"], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  t.after(() => killGroup(child.pid));
  await once(child.stdout, "data");
  return child;
}

function killGroup(pid: number | undefined): void {
  assert.ok(pid !== undefined);
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

/** Whether util-linux flock gets the lock within that many seconds. */
function otherGets(path: string, seconds: string): boolean {
  return spawnSync("flock", ["--timeout", seconds, path, "true"]).status === 0;
}

test("a lock that another process has is not taken in time", async (t) => {
  const { path, fd } = lockFile(t);
  await holder(t, path);
  assert.equal(lockExclusive(fd, 0), false);
  assert.equal(lockExclusive(fd, 50), false);
});

test("it is taken as soon as its holder ends, however that happens", async (t) => {
  const { path, fd } = lockFile(t);
  const { pid } = await holder(t, path);
  assert.equal(lockExclusive(fd, 0), false);
  // This thread is about to block, hence a process that ends the holder.
  spawn("sh", ["-c", 'sleep 0.2; kill -KILL "-$1"', "sh", String(pid)]);
  assert.equal(lockExclusive(fd, 20_000), true);
});

test("others wait for ours until it is released", (t) => {
  const { path, fd } = lockFile(t);
  assert.equal(lockExclusive(fd, 0), true);
  assert.equal(otherGets(path, "0.1"), false);
  unlock(fd);
  assert.equal(otherGets(path, "0"), true);
});

test("others wait for ours until the file is closed", (t) => {
  const { path } = lockFile(t);
  const fd = openSync(path, "w");
  assert.equal(lockExclusive(fd, 0), true);
  assert.equal(otherGets(path, "0.1"), false);
  closeSync(fd);
  assert.equal(otherGets(path, "0"), true);
});

test("it belongs to the open file: whoever opened the file anew waits, in the same process as well", (t) => {
  const { path, fd } = lockFile(t);
  const second = openSync(path, "r");
  t.after(() => closeSync(second));
  assert.equal(lockExclusive(fd, 0), true);
  assert.equal(lockExclusive(fd, 0), true);
  assert.equal(lockExclusive(second, 0), false);
});

test("what cannot be locked is an error", () => {
  assert.throws(
    () => lockExclusive(-1, 1000),
    (error) => isErrno(error, "EBADF"),
  );
});
