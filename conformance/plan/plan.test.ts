import assert from "node:assert/strict";
import { test } from "node:test";
import type { Scenario } from "../scenario/scenario.ts";
import { suites } from "../suites/all.ts";
import type { Abilities } from "./abilities.ts";
import { allTasks, wantedTasks, whyNot } from "./plan.ts";

const scenario = (name: string, more: Partial<Scenario> = {}): Scenario => ({
  name,
  plugin: "bridge",
  source: "a clause",
  steps: [],
  ...more,
});

test("a task is a scenario in one version", () => {
  const tasks = allTasks([
    { name: "s", scenarios: [scenario("a", { versions: ["0.4.0", "1.1.0"] }), scenario("b")] },
  ]);
  assert.deepEqual(
    tasks.map(({ row }) => row.id),
    ["s/a@0.4.0", "s/a@1.1.0", "s/b@1.1.0"],
  );
  assert.deepEqual(
    wantedTasks(tasks, ["s/b", "0.4.0"]).map(({ row }) => row.id),
    ["s/a@0.4.0", "s/b@1.1.0"],
  );
});

test("two scenarios of one name are a mistake", () => {
  assert.throws(
    () => allTasks([{ name: "s", scenarios: [scenario("a"), scenario("a")] }]),
    /two scenarios.*s\/a@1\.1\.0/,
  );
});

test("the suites that there are have a name of its own for every scenario, and a source", () => {
  for (const { row } of allTasks(suites)) assert.notEqual(row.source, "", row.id);
});

test("what cannot be tried has a reason", () => {
  const [task] = allTasks([{ name: "s", scenarios: [scenario("a", { needs: ["vlan", "nftables"] })] }]);
  assert.ok(task !== undefined);
  const reason = (abilities: Partial<Abilities>) =>
    whyNot(task, { plugins: new Map(), lacks: new Map(), ...abilities });
  assert.match(reason({})?.reason ?? "", /no executable bridge/);
  assert.deepEqual(reason({})?.missing, ["executable"]);
  const other = reason({ plugins: new Map([["bridge", ["0.4.0"]]]) });
  assert.match(other?.reason ?? "", /does not support version 1\.1\.0/);
  assert.equal(other?.missing, undefined);
  const plugins = new Map([["bridge", ["1.1.0"]]]);
  assert.equal(reason({ plugins }), undefined);
  assert.equal(reason({ plugins: new Map([["bridge", []]]) }), undefined);
  assert.deepEqual(reason({ plugins, lacks: new Map([["vlan", "no VLANs here"]]) }), {
    reason: "no VLANs here",
    missing: ["vlan"],
  });
  const both: Abilities["lacks"] = new Map([
    ["vlan", "no VLANs here"],
    ["nftables", "no nft"],
  ]);
  assert.deepEqual(reason({ plugins, lacks: both })?.missing, ["vlan", "nftables"]);
  assert.equal(reason({ plugins, lacks: new Map([["strace", "no strace"]]) }), undefined);
});
