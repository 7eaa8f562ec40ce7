import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

/** What a process tells that becomes a program. */
function become(file: string, words: readonly string[]) {
  const module = JSON.stringify(new URL("exec.ts", import.meta.url).href);
  const script = `import { becomeProgram } from ${module}; becomeProgram(${JSON.stringify(file)}, ${JSON.stringify(words)});`;
  const options = { encoding: "utf8", env: { X: "a b" }, input: "read" } as const;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", script],
    options,
  );
  return { status, stdout, stderr };
}

test("a process goes on as another program, with its name, words, environment and files", () => {
  const told = become("/bin/sh", [
    "name",
    "-c",
    'echo "$0 $1 $X $(cat)"; echo said >&2; exit 3',
    "zero",
    "one two",
  ]);
  assert.deepEqual(told, { status: 3, stdout: "zero one two a b read\n", stderr: "said\n" });
});

test("a program that is not there", () => {
  const { status, stderr } = become("/nonexistent", ["x"]);
  assert.equal(status, 1);
  assert.match(stderr, /cannot run \/nonexistent: ENOENT/);
});
