import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePrefix } from "../ip/prefix.ts";
import * as words from "./statement.ts";

function kinds(expressions: ReturnType<typeof words.compileRule>): string {
  return expressions.map((expression) => ("key" in expression ? expression.key : expression.kind)).join(" ");
}

test("the kind of packet is asked for once, and not where the table's family says it", () => {
  const source = words.inSet(["ip saddr"], "==", "s");
  const destination = words.inSet(["ip daddr"], "!=", "s");
  assert.equal(kinds(words.compileRule("ip", [source, destination])), "payload lookup payload lookup");
  assert.equal(
    kinds(words.compileRule("inet", [source, destination])),
    "nfproto cmp payload lookup payload lookup",
  );
  assert.equal(
    kinds(words.compileRule("bridge", [source, destination])),
    "protocol cmp payload lookup payload lookup",
  );
});

test("parts of a key lie behind each other in the registers", () => {
  const expressions = words.compileRule("ip6", [
    words.inSet(["ip6 saddr", "meta l4proto", "th dport", "iifname"], "==", "s"),
  ]);
  assert.deepEqual(
    expressions.map((expression) => ("register" in expression ? expression.register : undefined)),
    [0, 4, 5, 6, 0],
  );
});

test("a prefix of whole bytes is compared without a mask", () => {
  const compile = (text: string) => {
    const prefix = parsePrefix(text);
    assert.ok(prefix !== undefined);
    return words.compileRule("ip", [words.inPrefix("ip daddr", "==", prefix)]);
  };
  assert.equal(kinds(compile("10.1.2.3/8")), "payload cmp");
  assert.equal(kinds(compile("10.1.2.3/12")), "payload bitwise cmp");
  assert.equal(kinds(compile("0.0.0.0/0")), "payload bitwise cmp");
});

test("fields of the Ethernet header belong into the bridge family", () => {
  const statement = words.matches("ether saddr", "==", new Uint8Array(6));
  assert.throws(() => words.compileRule("inet", [statement]), RangeError);
  assert.equal(kinds(words.compileRule("bridge", [statement])), "payload cmp");
});
