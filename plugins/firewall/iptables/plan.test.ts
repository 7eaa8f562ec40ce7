import assert from "node:assert/strict";
import { test } from "node:test";
import { type IpAddress, parseIp } from "../../../shared/ip/address.ts";
import { FakeTable } from "../../../shared/iptables/fake-table.fixture.ts";
import type { IsolationPolicy } from "../isolation.ts";
import { isolationIsBypassed, planRuleRemoval, planRules, type WantedRules } from "./plan.ts";

function address(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

function wanted(
  ip: string,
  policy?: IsolationPolicy,
  bridge = "cni0",
  adminChain = "CNI-ADMIN",
): WantedRules {
  const isolation = policy && { isolation: { policy, bridge } };
  return { accept: { addresses: [address(ip)], adminChain }, ...isolation };
}

function tableAfter(table: FakeTable, ...steps: readonly WantedRules[]): string[] {
  for (const step of steps) {
    table.apply(planRules(table.ruleset, step));
    assert.ok(planRules(table.ruleset, step).isEmpty, "a second ADD has nothing to do");
  }
  return table.lines;
}

const both = '-m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge|isolated)"';
const sameBridge = '-m comment --comment "CNI firewall plugin rules (ingressPolicy: same-bridge)"';
const isolated = '-m comment --comment "CNI firewall plugin rules (ingressPolicy: isolated)"';
const forwardJump = '-A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD';
const stageJump = `-A FORWARD ${both} -j CNI-ISOLATION-STAGE-1`;
const adminJump = '-A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN';
const accept = (ip: string) => [
  `-A CNI-FORWARD -d ${ip} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
  `-A CNI-FORWARD -s ${ip} -j ACCEPT`,
];
const within = (bridge: string) => `-A CNI-ISOLATION-STAGE-1 -i ${bridge} -o ${bridge} ${isolated} -j DROP`;
const leaving = (bridge: string, comment: string) =>
  `-A CNI-ISOLATION-STAGE-1 -i ${bridge} ! -o ${bridge} ${comment} -j CNI-ISOLATION-STAGE-2`;
const entering = (bridge: string) => `-A CNI-ISOLATION-STAGE-2 -o ${bridge} ${both} -j DROP`;
const end = (stage: 1 | 2) => `-A CNI-ISOLATION-STAGE-${stage} ${both} -j RETURN`;

// Listings: the Go plugin's iptables-save.

test("open", () => {
  const table = new FakeTable("filter");
  assert.deepEqual(tableAfter(table, wanted("10.0.0.2")), [forwardJump, adminJump, ...accept("10.0.0.2/32")]);
  assert.deepEqual(table.chains, ["CNI-ADMIN", "CNI-FORWARD"]);
});

test("open, IPv6", () => {
  assert.deepEqual(tableAfter(new FakeTable("filter"), wanted("2001:db8:1:0::2")), [
    forwardJump,
    adminJump,
    ...accept("2001:db8:1::2/128"),
  ]);
});

test("two networks with different admin chains", () => {
  const first = wanted("10.0.0.2", undefined, "cni0", "MY-ADMIN");
  assert.deepEqual(tableAfter(new FakeTable("filter"), first, wanted("10.0.0.3")), [
    forwardJump,
    adminJump,
    '-A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j MY-ADMIN',
    ...accept("10.0.0.2/32"),
    ...accept("10.0.0.3/32"),
  ]);
});

test("same-bridge among rules of others", () => {
  const table = new FakeTable("filter", [
    "-A FORWARD -j DROP",
    "-A CNI-ADMIN -p tcp -j ACCEPT",
    "-A CNI-FORWARD -m comment --comment preexisting -j RETURN",
  ]);
  const lines = tableAfter(table, wanted("10.0.0.2", "same-bridge"));
  assert.deepEqual(lines, [
    stageJump,
    forwardJump,
    "-A FORWARD -j DROP",
    "-A CNI-ADMIN -p tcp -j ACCEPT",
    adminJump,
    "-A CNI-FORWARD -m comment --comment preexisting -j RETURN",
    ...accept("10.0.0.2/32"),
    leaving("cni0", sameBridge),
    end(1),
    entering("cni0"),
    end(2),
  ]);
});

test("isolated", () => {
  const table = new FakeTable("filter");
  const lines = tableAfter(table, wanted("10.0.0.2", "isolated"));
  assert.deepEqual(lines.slice(5), [
    within("cni0"),
    leaving("cni0", isolated),
    end(1),
    entering("cni0"),
    end(2),
  ]);
  assert.deepEqual(table.chains, [
    "CNI-ADMIN",
    "CNI-FORWARD",
    "CNI-ISOLATION-STAGE-1",
    "CNI-ISOLATION-STAGE-2",
  ]);
});

test("several bridges: the newest on top", () => {
  const lines = tableAfter(
    new FakeTable("filter"),
    wanted("10.0.0.2", "isolated", "cni0"),
    wanted("10.1.0.2", "same-bridge", "cni1"),
  );
  assert.deepEqual(lines.slice(7), [
    leaving("cni1", sameBridge),
    within("cni0"),
    leaving("cni0", isolated),
    end(1),
    entering("cni1"),
    entering("cni0"),
    end(2),
  ]);
});

// Where we differ from the Go plugin on purpose.

test("a bridge that changes its policy has the last one only", () => {
  const table = new FakeTable("filter");
  tableAfter(table, wanted("10.1.0.2", "isolated", "cni1"));
  const others = [within("cni1"), leaving("cni1", isolated)];
  const stage1 = (lines: string[]) => lines.filter((line) => line.includes("-A CNI-ISOLATION-STAGE-1"));
  assert.deepEqual(stage1(tableAfter(table, wanted("10.0.0.2", "same-bridge"))), [
    leaving("cni0", sameBridge),
    ...others,
    end(1),
  ]);
  assert.deepEqual(stage1(tableAfter(table, wanted("10.0.0.3", "isolated"))), [
    within("cni0"),
    leaving("cni0", isolated),
    ...others,
    end(1),
  ]);
  assert.deepEqual(stage1(tableAfter(table, wanted("10.0.0.4", "same-bridge"))), [
    leaving("cni0", sameBridge),
    ...others,
    end(1),
  ]);
});

test("a jump to CNI-FORWARD that comes back does not bypass the isolation", () => {
  for (const policy of [undefined, "same-bridge"] as const) {
    const table = new FakeTable("filter");
    tableAfter(table, wanted("10.0.0.2", "same-bridge"));
    const without = new FakeTable(
      "filter",
      table.lines.filter((line) => line !== forwardJump),
    );
    const [first, second, ...rest] = tableAfter(without, wanted("10.0.0.3", policy));
    assert.deepEqual([first, second], [stageJump, forwardJump]);
    assert.ok(!rest.some((line) => line.startsWith("-A FORWARD")));
    assert.ok(!isolationIsBypassed(without.ruleset));
  }
});

test("who asks for isolation gets it where the jumps are in the wrong order", () => {
  const lines = [forwardJump, stageJump, "-A FORWARD -j DROP"];
  const open = new FakeTable("filter", lines);
  assert.deepEqual(tableAfter(open, wanted("10.0.0.2")).slice(0, 3), lines, "not open's concern");
  const table = new FakeTable("filter", lines);
  assert.ok(isolationIsBypassed(table.ruleset));
  assert.deepEqual(tableAfter(table, wanted("10.0.0.2", "isolated")).slice(0, 3), [
    stageJump,
    forwardJump,
    "-A FORWARD -j DROP",
  ]);
});

test("removing takes every instance of the address's rules and nothing else", () => {
  const kept = [forwardJump, adminJump, ...accept("10.0.0.22/32")];
  const table = new FakeTable("filter", [...kept, ...accept("10.0.0.2/32"), ...accept("10.0.0.2/32")]);
  table.apply(planRuleRemoval(table.ruleset, [address("10.0.0.2")]));
  assert.deepEqual(table.lines, kept);
  assert.ok(planRuleRemoval(table.ruleset, [address("10.0.0.2")]).isEmpty);
});

test("removing a bridge takes both policies' rules about it and leaves other bridges alone", () => {
  const table = new FakeTable("filter");
  tableAfter(table, wanted("10.1.0.2", "isolated", "cni1"));
  const before = table.lines;
  tableAfter(table, wanted("10.0.0.2", "isolated"), wanted("10.0.0.3", "same-bridge"));
  const again = new FakeTable("filter", [within("cni0"), leaving("cni0", isolated), ...table.lines]);
  again.apply(planRuleRemoval(again.ruleset, [address("10.0.0.2"), address("10.0.0.3")], ["cni0"]));
  assert.deepEqual(again.lines, before);
});

test("where firewalld accepts the traffic there is nothing but isolation", () => {
  const isolation = { policy: "same-bridge", bridge: "cni0" } as const;
  assert.ok(planRules(new FakeTable("filter").ruleset, {}).isEmpty);
  const alone = ["CNI-ISOLATION-STAGE-1", "CNI-ISOLATION-STAGE-2"];
  const table = new FakeTable("filter", ["-A FORWARD -j DROP"]);
  assert.deepEqual(tableAfter(table, { isolation }), [
    stageJump,
    "-A FORWARD -j DROP",
    leaving("cni0", sameBridge),
    end(1),
    entering("cni0"),
    end(2),
  ]);
  assert.deepEqual(table.chains, alone);
  const behind = new FakeTable("filter", [forwardJump, stageJump]);
  assert.deepEqual(tableAfter(behind, { isolation }).slice(0, 2), [stageJump, forwardJump]);
});
