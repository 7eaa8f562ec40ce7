import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeTable } from "../../../shared/iptables/fake-table.fixture.ts";
import { differenceFromRules } from "./check.ts";
import { planRules, type WantedRules } from "./plan.ts";

const wanted: WantedRules = {
  accept: { addresses: [{ family: 4, value: 0x0a00_0002n }], adminChain: "CNI-ADMIN" },
  isolation: { policy: "isolated", bridge: "cni0" },
};

const complete = new FakeTable("filter");
complete.apply(planRules(complete.ruleset, wanted));

function differenceWithout(part: string): string {
  const lines = complete.lines.filter((line) => !line.includes(part));
  assert.notEqual(lines.length, complete.lines.length);
  return differenceFromRules(new FakeTable("filter", lines).ruleset, wanted)?.text ?? "";
}

test("what ADD made passes", () => {
  assert.equal(differenceFromRules(complete.ruleset, wanted), undefined);
});

test("the reference plugin's words for what is missing", () => {
  assert.equal(
    differenceWithout('plugin rules" -j CNI-FORWARD'),
    "expected FORWARD rule [-m comment --comment CNI firewall plugin rules -j CNI-FORWARD] not found",
  );
  assert.equal(
    differenceWithout("-j CNI-ADMIN"),
    "expected CNI-FORWARD rule [-m comment --comment CNI firewall plugin admin overrides -j CNI-ADMIN] not found",
  );
  assert.equal(
    differenceWithout("-d 10.0.0.2/32"),
    "expected rule [-d 10.0.0.2/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT] not found",
  );
  assert.equal(differenceWithout("-s 10.0.0.2/32"), "expected rule [-s 10.0.0.2/32 -j ACCEPT] not found");
});

test("the isolation is looked at too", () => {
  assert.match(differenceWithout("-A FORWARD -m comment"), /^expected FORWARD rule/);
  assert.match(
    differenceWithout("-i cni0 -o cni0"),
    /^expected CNI-ISOLATION-STAGE-1 rule \[-i cni0 -o cni0/,
  );
  assert.match(differenceWithout("! -o cni0"), /^expected CNI-ISOLATION-STAGE-1 rule \[-i cni0 ! -o cni0/);
  assert.match(differenceWithout("STAGE-2 -o cni0"), /^expected CNI-ISOLATION-STAGE-2 rule \[-o cni0/);
});

test("isolation that is bypassed is a difference", () => {
  const [first = "", second = "", ...rest] = complete.lines;
  const swapped = new FakeTable("filter", [second, first, ...rest]);
  assert.match(differenceFromRules(swapped.ruleset, wanted)?.text ?? "", /isolation is bypassed/);
});
