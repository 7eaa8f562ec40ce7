import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeTable } from "../../../shared/iptables/fake-table.fixture.ts";
import type { IsolationPolicy } from "../isolation.ts";
import { planRules, type WantedRules } from "./plan.ts";
import { planRulesUndo, type StillNeeded } from "./undo.ts";

const nobody: StillNeeded = { adminChain: false, isolation: false };

function wanted(host: number, policy?: IsolationPolicy, bridge = "cni0"): WantedRules {
  const isolation = policy && { isolation: { policy, bridge } };
  const address = { family: 4, value: 0x0a00_0000n + BigInt(host) } as const;
  return { accept: { addresses: [address], adminChain: "CNI-ADMIN" }, ...isolation };
}

/** The table before, and after an ADD that was taken back. `meanwhile` happens between both. */
function there(table: FakeTable, step: WantedRules, needed = nobody, meanwhile: () => void = () => {}) {
  const before = { lines: table.lines, chains: table.chains };
  const done = table.apply(planRules(table.ruleset, step));
  meanwhile();
  table.apply(planRulesUndo(table.ruleset, done, step, needed));
  return { before, after: { lines: table.lines, chains: table.chains } };
}

for (const policy of [undefined, "same-bridge", "isolated"] as const) {
  test(`the first ADD leaves nothing: ${policy ?? "open"}`, () => {
    const { before, after } = there(new FakeTable("filter", ["-A FORWARD -j DROP"]), wanted(2, policy));
    assert.deepEqual(after, before);
  });

  test(`a later ADD leaves what was there: ${policy ?? "open"}`, () => {
    const table = new FakeTable("filter");
    table.apply(planRules(table.ruleset, wanted(2, "same-bridge", "cni1")));
    const { before, after } = there(table, wanted(3, policy));
    assert.deepEqual(after, before);
  });
}

test("a change of policy is taken back", () => {
  const table = new FakeTable("filter");
  table.apply(planRules(table.ruleset, wanted(2, "isolated")));
  const { before, after } = there(table, wanted(3, "same-bridge"));
  assert.deepEqual(after, before);
});

test("rules of the same address that were there already stay", () => {
  const table = new FakeTable("filter");
  table.apply(planRules(table.ruleset, wanted(2)));
  const { before, after } = there(table, wanted(2, "isolated"));
  assert.deepEqual(after, before);
});

test("what another container has come to share stays", () => {
  const table = new FakeTable("filter");
  const other = wanted(3, "isolated");
  const { after } = there(table, wanted(2, "isolated"), { adminChain: true, isolation: true }, () =>
    table.apply(planRules(table.ruleset, other)),
  );
  assert.ok(planRules(table.ruleset, other).isEmpty, "the other container lacks nothing");
  assert.ok(!after.lines.some((line) => line.includes("10.0.0.2/32")));
});

test("a chain that another bridge has come to use stays, with its jump", () => {
  const table = new FakeTable("filter");
  const { after } = there(table, wanted(2, "isolated", "cni0"), nobody, () =>
    table.apply(planRules(table.ruleset, wanted(3, "isolated", "cni9"))),
  );
  assert.ok(after.chains.includes("CNI-FORWARD"));
  assert.ok(after.lines.some((line) => line.startsWith("-A FORWARD") && line.endsWith("-j CNI-FORWARD")));
  assert.ok(after.lines.some((line) => line.includes("STAGE-2 -o cni9")));
  assert.ok(!after.lines.some((line) => line.includes("cni0")));
});
