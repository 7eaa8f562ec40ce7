import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { holderOf, Patience, withLockFile } from "./lock-file.ts";
import { sleep } from "./wait.ts";

function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lock-file-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

const patience = (milliseconds = 0) => new Patience(milliseconds);

/** What flock(1) says: 0 when it gets the lock at once, 1 when somebody has it. */
const tryLock = (path: string) => spawnSync("flock", ["-n", path, "true"]).status;

test("nobody else gets the lock during the work, everybody afterwards, also when the work fails", (t) => {
  const path = join(tempFolder(t), "lock");
  assert.equal(
    withLockFile(path, patience(), () => tryLock(path)),
    1,
  );
  assert.equal(tryLock(path), 0);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.throws(() => withLockFile(path, patience(), () => assert.fail("the work")), /the work/);
  assert.equal(tryLock(path), 0);
});

test("the work is done without the lock when somebody keeps it, or when there can be none", (t) => {
  const folder = tempFolder(t);
  const path = join(folder, "lock");
  withLockFile(path, patience(), () =>
    assert.equal(
      withLockFile(path, patience(10), () => "done"),
      "done",
    ),
  );
  assert.equal(
    withLockFile(join(folder, "missing", "lock"), patience(), (fd) => fd),
    undefined,
  );
});

test("a link in the file's place is not followed", (t) => {
  const folder = tempFolder(t);
  symlinkSync(join(folder, "target"), join(folder, "lock"));
  assert.equal(
    withLockFile(join(folder, "lock"), patience(), (fd) => fd),
    undefined,
  );
  assert.ok(!existsSync(join(folder, "target")));
});

test("what was waited for one lock is not waited again for the next", () => {
  const all = patience(20);
  const allowed: number[] = [];
  for (const spent of [0, 30, 0]) {
    all.spend(
      (milliseconds) => {
        allowed.push(milliseconds);
        sleep(spent);
        return spent === 0;
      },
      () => "the same",
    );
  }
  const [first = 0, second = 0, third] = allowed;
  assert.ok(first === 20 && second > 0 && second <= 20);
  assert.equal(third, 0);
});

test("a lock that goes from hand to hand is waited for as long as that is allowed", () => {
  const turns = { same: 0, others: 0 };
  const wait = (milliseconds: number): boolean => {
    sleep(Math.min(10, milliseconds));
    return false;
  };
  new Patience(30, 300).spend(wait, () => String(Math.min(++turns.same, 1)));
  new Patience(30, 300).spend(wait, () => String(++turns.others));
  assert.ok(turns.same < 10, String(turns.same));
  assert.ok(turns.others > turns.same + 5, String(turns.others));
});

test("who has a lock is seen", (t) => {
  const path = join(tempFolder(t), "lock");
  const holder = spawn("flock", [path, "sleep", "1000"], { stdio: "ignore" });
  t.after(() => holder.kill());
  while (!existsSync(path) || tryLock(path) === 0) sleep(5);
  const fd = openSync(path, "r");
  assert.match(holderOf(fd) ?? "", new RegExp(`^${holder.pid} \\d+ \\d+$`));
  closeSync(fd);
});
