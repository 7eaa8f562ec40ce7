import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { aboutOf, formatAbout } from "./about.ts";
import { stampLength } from "./stamp.ts";

const about = { version: "2.0.0", commit: "abc+", plugins: ["bridge", "host-local"] };

function read(t: TestContext, text: string) {
  const folder = mkdtempSync(join(tmpdir(), "about-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "file");
  writeFileSync(file, text);
  const fd = openSync(file, "r");
  t.after(() => closeSync(fd));
  return aboutOf(fd, statSync(file).size);
}

const stamp = "s".repeat(stampLength);

test("an executable tells what it is in the line before its stamp", (t) => {
  assert.deepEqual(read(t, `content${formatAbout(about)}${stamp}`), about);
  assert.deepEqual(read(t, `${"content".repeat(10_000)}${formatAbout(about)}${stamp}`), about);
});

test("a file without such a line tells nothing", (t) => {
  const line = formatAbout(about);
  const others = [
    "",
    "short",
    stamp,
    `content${stamp}`,
    line,
    `${line.slice(0, -1)}${stamp}`,
    `${line}more${stamp}`,
    `\ncni-plugins-ts about {"version":"1"}${stamp}`,
    `\ncni-plugins-ts about {"version":"1","commit":"a","plugins":[1]}${stamp}`,
  ];
  for (const text of others) assert.equal(read(t, text), undefined, text);
});

test("a line that nobody would find is refused", () => {
  assert.throws(() => formatAbout({ ...about, commit: "x".repeat(5000) }), /too much/);
});
