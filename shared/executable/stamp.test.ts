import assert from "node:assert/strict";
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { checkSamples, formatStamp, stampLength, wouldRun } from "./stamp.ts";

const identity = "a1".repeat(32);
const other = "b2".repeat(32);

/** Only for root does a file's mode give nobody anything; the tests may run as somebody else. */
const isRoot = process.geteuid?.() === 0;

/** An "executable" with a stamp; `content` is what comes before that. */
function stamped(t: TestContext, content = Buffer.alloc(50_000, "content ")) {
  const folder = mkdtempSync(join(tmpdir(), "stamp-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "program");
  writeFileSync(file, content);
  const fd = openSync(file, "r");
  const samples = checkSamples(fd, content.length);
  closeSync(fd);
  const stamp = formatStamp({ identity, size: content.length + stampLength, samples });
  writeFileSync(file, Buffer.concat([content, Buffer.from(stamp, "latin1")]), { mode: 0o755 });
  chmodSync(file, 0o755);
  const change = (alter: (bytes: Buffer) => Buffer): void => writeFileSync(file, alter(readFileSync(file)));
  return { folder, file, change };
}

test("a stamp is a line of text of fixed length", () => {
  const stamp = formatStamp({ identity, size: 123_456_789_012, samples: "0123abcd" });
  assert.equal(Buffer.byteLength(stamp), stampLength);
  assert.match(stamp, /^\n[ -~]*\n$/);
});

test("the executable itself, by symbolic links as well", { skip: !isRoot }, (t) => {
  const { folder, file } = stamped(t);
  assert.equal(wouldRun(file, identity), true);
  symlinkSync("program", join(folder, "link"));
  symlinkSync(join(folder, "link"), join(folder, "host-local"));
  assert.equal(wouldRun(join(folder, "host-local"), identity), true);
});

test("an executable of another build", (t) => {
  const { file } = stamped(t);
  assert.equal(wouldRun(file, other), false);
});

test("what cannot be looked at, or is no file", (t) => {
  const { folder } = stamped(t);
  symlinkSync("nowhere", join(folder, "broken"));
  for (const path of [folder, `${folder}/missing`, `${folder}/broken`, `${folder}/program/x`]) {
    assert.equal(wouldRun(path, identity), false, path);
  }
});

test("what execve(2) would refuse, or run as another user", (t) => {
  const { file } = stamped(t);
  for (const mode of [0o644, 0o4755, 0o2755]) {
    chmodSync(file, mode);
    assert.equal(wouldRun(file, identity), false, mode.toString(8));
  }
});

const changes: Record<string, (bytes: Buffer) => Buffer> = {
  "cut off": (bytes) => bytes.subarray(0, -1),
  "cut off, with another's end": (bytes) =>
    Buffer.concat([bytes.subarray(0, 30_000), bytes.subarray(-stampLength)]),
  "longer by a byte": (bytes) => Buffer.concat([bytes, Buffer.from("x")]),
  "longer, the stamp is still its end": (bytes) => Buffer.concat([Buffer.from("x"), bytes]),
  "without its first half": (bytes) => bytes.fill(0, 0, bytes.length / 2),
  "with another beginning": (bytes) => bytes.fill("#!/bin/sh\n", 0, 10),
  "without a tenth in the middle": (bytes) => bytes.fill(0, 22_000, 27_000),
  "without the rest of its stamp": (bytes) => bytes.fill(0, bytes.length - 40),
  "nothing but zeros": (bytes) => bytes.fill(0),
  empty: () => Buffer.alloc(0),
  "nothing but a stamp": (bytes) => bytes.subarray(-stampLength),
};

for (const [what, alter] of Object.entries(changes)) {
  test(`a changed file: ${what}`, (t) => {
    const { file, change } = stamped(t);
    change(alter);
    assert.equal(wouldRun(file, identity), false);
  });
}

test("a file that is shorter than its stamp says", (t) => {
  const { file } = stamped(t);
  truncateSync(file, 40_000);
  assert.equal(wouldRun(file, identity), false);
});
