import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { callByHand, commandByHand, quoted } from "./by-hand.ts";
import type { Stdin } from "./scenario.ts";

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
  const line = callByHand("/usr/bin/printenv", { CNI_ARGS: "A=$B;C='d'", PATH: "/nowhere" }, "");
  assert.match(shell(line), /^CNI_ARGS=A=\$B;C='d'$/m);
  assert.doesNotMatch(shell(line), /nowhere/);
});

/** Bytes are written as bash's printf reads them. */
function withBash(line: string): string {
  return `bash -c ${quoted(line)}`;
}
