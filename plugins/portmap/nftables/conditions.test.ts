import assert from "node:assert/strict";
import { test } from "node:test";
import { CniError } from "../../../shared/cni/errors/cni-error.ts";
import { compileRule } from "../../../shared/nftables/statement.ts";
import { parseConditions } from "./conditions.ts";

/** The values that each alternative compares with, as hex. */
function compared(words: string[], family: 4 | 6 = 4): string[] {
  return parseConditions("conditionsV4", words, family).alternatives.map((statements) =>
    compileRule(family === 4 ? "ip" : "ip6", statements)
      .flatMap((expression) =>
        expression.kind === "cmp"
          ? [`${expression.operator}${Buffer.from(expression.value).toString("hex")}`]
          : [],
      )
      .join(" "),
  );
}

test("no conditions always hold", () => {
  for (const words of [[], [""], [" "]]) {
    assert.deepEqual(parseConditions("conditionsV4", words, 4), { text: "", alternatives: [[]] });
  }
});

test("words may come one by one or together", () => {
  assert.deepEqual(compared(["ip", "daddr", "!=", "192.0.2.77"]), ["!=c000024d"]);
  assert.deepEqual(compared(["ip daddr ne 192.0.2.77"]), ["!=c000024d"]);
  assert.deepEqual(compared(["ip saddr 10.0.0.0/8 meta mark 0x10"]), ["==0a ==10000000"]);
  assert.deepEqual(compared(["ip6", "saddr", "==", "fc00::/8"], 6), ["==fc"]);
});

test("interfaces, also by the beginning of their names", () => {
  assert.deepEqual(compared(['iifname "eth0"']), [
    `==${Buffer.from("eth0").toString("hex").padEnd(32, "0")}`,
  ]);
  assert.deepEqual(compared(["meta", "oifname", "!=", "eth*"]), [`!=${Buffer.from("eth").toString("hex")}`]);
});

test("one of several values is an alternative each, none of several is all together", () => {
  assert.deepEqual(compared(["ip saddr { 10.0.0.0/8, 11.0.0.0/8 }"]), ["==0a", "==0b"]);
  assert.deepEqual(compared(["ip saddr != {10.0.0.0/8,11.0.0.0/8}"]), ["!=0a !=0b"]);
  assert.deepEqual(compared(["ip saddr {10.0.0.0/8,11.0.0.0/8} iifname != lo mark 1"]).length, 2);
});

const wrong: [words: string[], family: 4 | 6][] = [
  [["tcp", "dport", "80"], 4],
  [["ip6", "saddr", "fc00::/7"], 4],
  [["ip", "saddr", "10.0.0.1"], 6],
  [["ip", "saddr", "fc00::1"], 4],
  [["ip", "saddr"], 4],
  [["ip", "saddr", "!="], 4],
  [["ip", "saddr", "<", "10.0.0.1"], 4],
  [["ip", "saddr", "{"], 4],
  [["ip", "saddr", "{", "}"], 4],
  [["ip", "saddr", "{", "10.0.0.1"], 4],
  [["ip", "saddr", "10.0.0.1", "accept"], 4],
  [["iifname", "a-name-that-is-too-long"], 4],
  [["meta", "mark", "0x123456789"], 4],
  [["meta", "l4proto", "tcp"], 4],
  [["meta"], 4],
  [["@set"], 4],
];

for (const [words, family] of wrong) {
  test(`refused: ${words.join(" ")} (IPv${family})`, () => {
    assert.throws(
      () => parseConditions("conditionsV4", words, family),
      (error) => error instanceof CniError && error.code === 2 && /conditionsV4/.test(error.message),
    );
  });
}
