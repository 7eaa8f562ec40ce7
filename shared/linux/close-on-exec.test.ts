import assert from "node:assert/strict";
import { closeSync } from "node:fs";
import { test } from "node:test";
import { runChild } from "./child-process.ts";
import { call } from "./libc.ts";

test("a program does not get files that this process has inherited, whatever their numbers", (t) => {
  const high = 400;
  // fcntl.h: F_DUPFD. What it makes is not marked, as a file that was inherited.
  const fd = call("int fcntl(int fd, int command, int argument)", 1, 0, high);
  t.after(() => closeSync(fd));
  assert.ok(fd >= high);
  const { stdout } = runChild("/bin/ls", ["/proc/self/fd"], { env: {}, input: Buffer.of() });
  assert.deepEqual(stdout.trim().split("\n").slice(0, 3), ["0", "1", "2"]);
  assert.ok(!stdout.split("\n").includes(String(fd)));
});
