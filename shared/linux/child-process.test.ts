import assert from "node:assert/strict";
import { chmodSync, closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isErrno } from "../errors/system-error.ts";
import { runChild, startChild } from "./child-process.ts";

const sh = (
  script: string,
  input = "",
  env: Record<string, string | undefined> = {},
  heldFds: readonly number[] = [],
) => runChild("/bin/sh", ["-c", script], { env, input: Buffer.from(input), heldFds });

test("status, standard output and standard error are told apart", () => {
  assert.deepEqual(sh("echo out; echo err >&2; exit 7"), {
    status: 7,
    signal: null,
    stdout: "out\n",
    stderr: "err\n",
  });
  assert.deepEqual(sh("kill -9 $$"), { status: null, signal: 9, stdout: "", stderr: "" });
});

test("input and output of a megabyte pass whole", () => {
  const text = "0123456789abcdef".repeat(65536);
  assert.equal(sh("cat", text).stdout, text);
  assert.equal(sh("cat >&2", text).stderr, text);
  assert.equal(sh("exit 3", text).status, 3, "a program need not read its input");
});

test("a program gets these variables, and no others", () => {
  const { stdout } = sh("/usr/bin/env", "", { A: "1", B: "two words", C: undefined });
  const names = stdout.split("\n").filter((line) => !/^(PWD|_|SHLVL)=/.test(line));
  assert.deepEqual(names, ["A=1", "B=two words", ""]);
});

test("signals that Node ignores end a program as they should", () => {
  assert.deepEqual(sh("kill -PIPE $$; echo alive"), { status: null, signal: 13, stdout: "", stderr: "" });
});

test("of the files that are open here a program gets the one that it is to hold", () => {
  const held = openSync("/etc/passwd", "r");
  const other = openSync("/etc/group", "r");
  try {
    assert.equal(sh("readlink /proc/self/fd/3", "", {}, [held]).stdout, "/etc/passwd\n");
    assert.doesNotMatch(sh("ls -l /proc/self/fd", "", {}, [held]).stdout, /group/);
  } finally {
    closeSync(held);
    closeSync(other);
  }
});

test("a program is told what to do line by line, and need not be waited for", () => {
  // Were it waited for, this would never end.
  const script = 'while read line; do echo "did $line"; echo "done: it"; done; exec sleep infinity';
  const child = startChild("/bin/sh", ["-c", `echo $$; ${script}`], { env: {} });
  child.write("one\n");
  const [pid, ...lines] = child.readUntil("done: ", 60_000)?.split("\n") ?? [];
  assert.deepEqual(lines, ["did one", ""]);
  child.write("two\n");
  assert.equal(child.readUntil("done: ", 60_000), "it\ndid two\n");
  child.leave();
  process.kill(Number(pid), "SIGKILL");
});

test("a program that ends too early says how it ended, and takes no more input", () => {
  const child = startChild("/bin/sh", ["-c", "echo not done: yet; echo err >&2; exit 7"], { env: {} });
  assert.equal(child.readUntil("done: ", 60_000), undefined);
  child.write("one\n");
  child.endInput();
  assert.deepEqual(child.finish(), { status: 7, signal: null, stdout: "not done: yet\n", stderr: "err\n" });
});

test("a program that never says so is given no more input", () => {
  const child = startChild("/bin/cat", [], { env: {} });
  child.write("one\n");
  assert.equal(child.readUntil("done: ", 50), undefined);
  assert.deepEqual(child.finish(), { status: 0, signal: null, stdout: "one\n", stderr: "" });
});

test("programs that were left and have ended do not stay in the process table", () => {
  const zombies = () =>
    sh(`ps -o stat= --ppid ${process.pid}`)
      .stdout.split("\n")
      .filter((stat) => stat.startsWith("Z"));
  for (let count = 0; count < 3; count++) startChild("/bin/true", [], { env: {} }).leave();
  const deadline = Date.now() + 120_000;
  while (zombies().length > 0) assert.ok(Date.now() < deadline);
});

test("nothing stays open here", () => {
  const before = readdirSync("/proc/self/fd").length;
  sh("true");
  assert.throws(() => runChild("/nonexistent", [], { env: {}, input: Buffer.of() }));
  assert.equal(readdirSync("/proc/self/fd").length, before);
});

test("what cannot be started says why", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "child-process-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const plain = join(folder, "plain");
  writeFileSync(plain, "text");
  const run = (file: string) => () => runChild(file, [], { env: {}, input: Buffer.of() });
  assert.throws(run(`${folder}/none`), (error) => isErrno(error, "ENOENT"));
  assert.throws(run(plain), (error) => isErrno(error, "EACCES"));
  chmodSync(plain, 0o755);
  assert.throws(run(plain), (error) => isErrno(error, "ENOEXEC"));
});
