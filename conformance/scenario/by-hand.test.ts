import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { standardPath } from "../harness/host/command.ts";
import { callByHand, commandByHand, quoted, writeByHand } from "./by-hand.ts";
import type { Stdin } from "./call-step.ts";

const shell = (line: string) => execFileSync("/bin/sh", ["-c", line], { encoding: "latin1" });

const words = ["plain", "", "a b", "it's", "$(id)", "a\nb", "`x`", '"', "\\", "*", "a;b", "-n", "ä"];

test("a shell reads a quoted word as it was", () => {
  for (const word of words)
    assert.equal(shell(`printf '%s.' ${quoted(word)}`), Buffer.from(`${word}.`).toString("latin1"));
});

test("a command names its namespace", () => {
  assert.equal(commandByHand(["ip", "link", "a b"]), "ip link 'a b'");
  assert.equal(commandByHand(["ip", "link"], "c1"), "ip netns exec c1 ip link");
});

const inputs: [stdin: Stdin, bytes: string][] = [
  ['{"name":"it\'s %s"}', '{"name":"it\'s %s"}'],
  ["", ""],
  [{ hex: "7b00ff25" }, "{\x00\xff%"],
  [["[%", { repeat: "a'", times: 3 }, "]"], "[%a'a'a']"],
];

test("a call by hand gives the executable the same input and variables", () => {
  for (const [stdin, bytes] of inputs)
    assert.equal(shell(withBash(callByHand("/bin/cat", {}, stdin))), bytes);
  const line = callByHand("/usr/bin/printenv", { CNI_ARGS: "A=$B;C='d'" }, "");
  assert.match(shell(line), /^CNI_ARGS=A=\$B;C='d'$/m);
});

test("a call by hand finds programs where the executable did, and does not say so when that is the usual", () => {
  assert.match(shell(callByHand("/usr/bin/printenv", { PATH: "/nowhere" }, "")), /^PATH=\/nowhere$/m);
  assert.equal(callByHand("/bin/x", { PATH: standardPath }, ""), "printf %s '' | env /bin/x");
});

test("a call by hand has the words before the executable", () => {
  const under = ["sh", "-c", 'echo "under $0"; exec "$@"', "it's", "env"];
  const printed = shell(callByHand("/usr/bin/printenv", { CNI_IFNAME: "eth0" }, "", under));
  assert.match(printed, /^under it's\n/);
  assert.match(printed, /^CNI_IFNAME=eth0$/m);
});

test("a file by hand has its folder, text and mode", (t) => {
  const folder = mkdtempSync(`${tmpdir()}/by-hand-`);
  t.after(() => rmSync(folder, { recursive: true }));
  const script = '#!/bin/sh\necho "it\'s $1"\n';
  const program = `${folder}/a b/program`;
  shell(writeByHand(program, script, 0o755));
  assert.equal(shell(`${quoted(program)} fine`), "it's fine\n");
  shell(writeByHand(`${folder}/plain`, "%s\\n"));
  assert.equal(readFileSync(`${folder}/plain`, "utf8"), "%s\\n");
  assert.equal(statSync(`${folder}/plain`).mode & 0o111, 0);
});

/** Bytes are written as bash's printf reads them. */
function withBash(line: string): string {
  return `bash -c ${quoted(line)}`;
}
