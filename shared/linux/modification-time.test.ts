import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setModificationTime } from "./modification-time.ts";

test("a directory gets the very nanosecond, and keeps its time of access", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "modification-time-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const { atimeNs } = statSync(directory, { bigint: true });
  for (const time of [1_700_000_000_123_456_789n, 999_999_999n]) {
    setModificationTime(directory, time);
    const now = statSync(directory, { bigint: true });
    assert.equal(now.mtimeNs, time);
    assert.equal(now.atimeNs, atimeNs);
  }
});

test("a path that leads nowhere is named", () => {
  assert.throws(() => setModificationTime("/nowhere/at/all", 1n), {
    errno: "ENOENT",
    message: /cannot set the time of \/nowhere\/at\/all/,
  });
});
