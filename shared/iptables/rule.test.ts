import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Failure } from "../errors/failure.ts";
import { commentOf, joinRule, sameRule, splitRule, targetOf } from "./rule.ts";

const saved =
  '-p tcp -m comment --comment "dnat name: \\"mynet\\" id: \\"c1id\\"" -m multiport --dports 8080,8081 -j CNI-DN-c4';

test("a saved rule is split into its words", () => {
  assert.deepEqual(splitRule(saved), [
    ...["-p", "tcp", "-m", "comment", "--comment", 'dnat name: "mynet" id: "c1id"'],
    ...["-m", "multiport", "--dports", "8080,8081", "-j", "CNI-DN-c4"],
  ]);
});

test("a rule is written back as iptables-save prints it", () => {
  assert.equal(joinRule(splitRule(saved)), saved);
  const bare =
    "! -d fc00::/7 -p tcp -m mark --mark 0x2000/0x2000 -j DNAT --to-destination [2001:db8:1::2]:80";
  assert.equal(joinRule(splitRule(bare)), bare);
});

test("empty words, blanks, quotes and backslashes survive", () => {
  const rule = ["-m", "comment", "--comment", "", "a  b", 'c"d', "e\\f", "g'h", "$(i)", "-j", "X"];
  assert.deepEqual(splitRule(joinRule(rule)), rule);
});

test("any rule without control characters survives writing and reading", () => {
  const word = fc.string({ unit: fc.constantFrom(..."ab -\"'\\!$`#;[]é") });
  fc.assert(
    fc.property(fc.array(word), (rule) => {
      assert.deepEqual(splitRule(joinRule(rule)), rule);
    }),
  );
});

test("quotes hold parts of a word together, and an empty word is one", () => {
  assert.deepEqual(splitRule('a"b c"d "" e  f'), ["ab cd", "", "e", "f"]);
  assert.deepEqual(splitRule('"a b" "c d"'), ["a b", "c d"]);
  assert.deepEqual(splitRule('"a\\\\ b" c"d'), ["a\\ b", "cd"]);
});

test("a word that would start a second command is refused", () => {
  for (const word of ["a\nCOMMIT", "a\rb", "a\0b", "a\tb"]) {
    assert.throws(
      () => joinRule(["-m", "comment", "--comment", word]),
      (error) =>
        error instanceof Failure && error.kind === "invalid" && error.message.includes("control character"),
    );
  }
});

test("rules are the same only with the same words in the same order", () => {
  assert.ok(sameRule(["-s", "a"], ["-s", "a"]));
  assert.ok(!sameRule(["-s", "a"], ["-s", "a", "-j", "X"]));
  assert.ok(!sameRule(["-s", "a"], ["a", "-s"]));
});

test("target and comment of a rule", () => {
  const rule = splitRule(saved);
  assert.equal(targetOf(rule), "CNI-DN-c4");
  assert.equal(commentOf(rule), 'dnat name: "mynet" id: "c1id"');
  assert.equal(targetOf(["-s", "10.0.0.1/32"]), undefined);
  assert.equal(commentOf(["-j", "X"]), undefined);
  assert.equal(targetOf(["-m", "comment", "--comment", "-j", "-g", "X"]), "X");
});
