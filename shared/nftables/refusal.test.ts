import assert from "node:assert/strict";
import { test } from "node:test";
import { addChain, deleteChain } from "./chain.ts";
import type { Expression } from "./expression.ts";
import { refusal } from "./refusal.ts";
import { addRule } from "./rule.ts";

const table = { family: "inet", name: "t" } as const;
const chain = { table, name: "c" };
const base = { type: "nat", hook: "postrouting", priority: 100, policy: "accept" } as const;

/** The refusal of a rule whose last expression the kernel pointed at. */
function atLast(errno: number, ...expressions: readonly Expression[]) {
  const command = addRule(chain, { expressions });
  const last = expressions.length - 1;
  // Table and chain are 8 bytes each, then the list's header; all expressions before the last follow.
  const before = addRule(chain, { expressions: expressions.slice(0, last) });
  return refusal([command], { index: 0, errno, explanation: "", offset: before.body.length });
}

test("a kind of expression that the kernel lacks is named with its option", () => {
  const meta = { kind: "meta", key: "nfproto", register: 0 } as const;
  const options: [Expression, string, string][] = [
    [{ kind: "masq", flags: 0 }, "masq", "CONFIG_NFT_MASQ"],
    [{ kind: "dnat", family: 4, address: 0, flags: 0 }, "nat", "CONFIG_NFT_NAT"],
    [{ kind: "fib", result: "type", flags: 2, register: 0 }, "fib", "CONFIG_NFT_FIB_INET"],
    [{ kind: "ct", key: "state", register: 0 }, "ct state", "CONFIG_NFT_CT"],
    [{ kind: "meta", key: "ibrname", register: 0 }, "meta ibrname", "CONFIG_NFT_BRIDGE_META"],
  ];
  for (const [expression, name, option] of options) {
    const error = atLast(2, meta, expression);
    assert.equal(
      error.message,
      `cannot add rule to chain inet t c (at ${name}): ENOENT, no such file or directory`,
    );
    assert.match(error.advice ?? "", new RegExp(option));
  }
});

test("other failures at an expression say nothing of options", () => {
  const verdict = { kind: "verdict", verdict: { kind: "jump", chain: "x" } } as const;
  assert.equal(atLast(2, verdict).advice, undefined);
  assert.equal(atLast(22, { kind: "masq", flags: 0 }).advice, undefined);
});

test("chains of a kind that the kernel lacks are named with the options", () => {
  for (const errno of [95, 97]) {
    const error = refusal([addChain({ ...chain, base })], { index: 0, errno, explanation: "" });
    assert.match(error.advice ?? "", /CONFIG_NF_TABLES_INET, and CONFIG_NFT_NAT/);
  }
  // A table that is not there.
  const error = refusal([addChain({ ...chain, base })], { index: 0, errno: 2, explanation: "", offset: 0 });
  assert.equal(error.advice, undefined);
});

test("the kernel's own words are told", () => {
  const error = refusal([deleteChain(chain)], { index: 0, errno: 16, explanation: "Chain is in use" });
  assert.equal(
    error.message,
    "cannot delete chain inet t c: EBUSY, device or resource busy (kernel: Chain is in use)",
  );
});

test("a batch that nobody takes names nf_tables", () => {
  const error = refusal([deleteChain(chain)], { index: -1, errno: 95, explanation: "" });
  assert.match(error.message, /^cannot change the nf_tables ruleset: EOPNOTSUPP/);
  assert.match(error.advice ?? "", /CONFIG_NF_TABLES/);
  const perm = refusal([deleteChain(chain)], { index: -1, errno: 1, explanation: "" });
  assert.equal(perm.advice, undefined);
});
