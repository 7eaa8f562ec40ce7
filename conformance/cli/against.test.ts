import assert from "node:assert/strict";
import { test } from "node:test";
import type { Difference } from "../differences/difference.ts";
import type { Row } from "../report/row.ts";
import type { Observation } from "../scenario/world.ts";
import { compareImplementations, comparisonText } from "./against.ts";

function row(name: string, observations: Observation[], more: Partial<Row> = {}): Row {
  const outcome = { passed: true, byHand: [], calls: {}, seconds: 1, observations };
  return {
    id: `s/${name}@1.1.0`,
    suite: "s",
    name,
    plugin: "bridge",
    version: "1.1.0",
    source: "",
    status: "pass",
    outcome,
    ...more,
  };
}

const seen = (more: Partial<Observation> = {}): Observation => ({
  what: "ADD bridge c1",
  outcome: "success",
  ...more,
});
const compare = (one: Row, other: Row, meant: Difference[] = [], areAll = true) =>
  compareImplementations([one], [other], { areAll }, meant);
const aspects = (one: Observation, other: Observation) =>
  compare(row("a", [one]), row("a", [other])).unlisted.map(({ aspect }) => aspect);

test("what chance decides is no difference", () => {
  const state = (veth: string, mac: string) => [`links: ${veth} veth ${mac}`, "nft: x"];
  const one = seen({
    result: { interfaces: [{ name: "veth01234567", mac: "02:00:00:00:00:01" }], dns: {} },
    state: state("veth01234567", "02:00:00:00:00:01"),
  });
  const other = seen({
    result: { interfaces: [{ mac: "0a:00:00:00:00:ff", name: "vethabcdef01" }] },
    state: state("vethabcdef01", "0a:00:00:00:00:ff").toReversed(),
  });
  assert.deepEqual(aspects(one, other), []);
});

test("a difference tells in what", () => {
  assert.deepEqual(aspects(seen({ result: { ips: [] } }), seen({ result: {} })), ["result"]);
  assert.deepEqual(aspects(seen(), seen({ outcome: "error", code: 7, msg: "x" })), [
    "success",
    "error code",
    "error text",
  ]);
  assert.deepEqual(
    aspects(seen({ state: ["links: a", "nft: b"] }), seen({ state: ["links: c", "nft: b"] })),
    ["links"],
  );
  assert.deepEqual(aspects(seen({ state: [] }), seen({ state: ["files: c"] })), ["files"]);
});

test("a scenario that one fails is one difference, or one for each of its failures", () => {
  const failed = (reasons?: string[]) =>
    row("a", [], {
      status: "fail",
      reason: "why",
      outcome: {
        passed: false,
        byHand: [],
        calls: {},
        seconds: 1,
        observations: [],
        ...(reasons && { reasons }),
      },
    });
  assert.match(compare(row("a", []), failed()).unlisted[0]?.text ?? "", /pass; the other: fail \(why\)/);
  assert.equal(compare(row("a", []), failed(["one", "two"])).unlisted.length, 2);
  const unsupported = compare(row("a", []), row("a", [], { status: "not supported" })).unlisted;
  assert.deepEqual(
    unsupported.map(({ aspect }) => aspect),
    ["support"],
  );
});

const meant: Difference = {
  scenarios: /^s\/a/,
  aspects: /^result$/,
  text: /ips/,
  reason: "because",
  source: "a clause",
};

test("what is listed is meant; what is not, and what is listed in vain, is told", () => {
  const one = row("a", [seen({ result: { ips: [1] } })]);
  const listed = compare(one, row("a", [seen({ result: {} })]), [meant]);
  assert.deepEqual(
    [listed.unlisted.length, listed.stale.length, listed.listed.get(meant)?.length],
    [0, 0, 1],
  );
  assert.match(comparisonText(listed), /1 × result \(s\/a@1\.1\.0\): because \[a clause\]/);

  const stale = compare(one, one, [meant]);
  assert.deepEqual([stale.unlisted.length, stale.stale.length], [0, 1]);
  assert.match(comparisonText(stale), /not different any more:\n\? .*because/);
  assert.equal(compare(one, one, [{ ...meant, sometimes: true }]).stale.length, 0);
  assert.equal(compare(one, one, [meant], false).stale.length, 0);

  const unlisted = compare(one, row("a", [seen({ result: {} })]), [{ ...meant, text: /routes/ }]);
  assert.deepEqual([unlisted.unlisted.length, unlisted.stale.length], [1, 1]);
  assert.match(comparisonText(unlisted), /not listed.*: 1\n! s\/a@1\.1\.0: result/);
});

test("an entry for scenarios that were not run is not stale", () => {
  const other = row("b", []);
  assert.equal(compare(other, other, [meant]).stale.length, 0);
  const skipped = row("a", [], { status: "not supported" });
  assert.equal(compare(skipped, skipped, [meant]).stale.length, 0);
});
