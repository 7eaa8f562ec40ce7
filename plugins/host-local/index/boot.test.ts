import assert from "node:assert/strict";
import { test } from "node:test";
import { bootToken, isBootToken, isEarlierBoot, readBootId } from "./boot.ts";

const first = "11111111-2222-4333-8444-555555555555\n";
const second = "99999999-2222-4333-8444-555555555555\n";
const machine = "0123456789abcdef0123456789abcdef\n";
const otherMachine = "1123456789abcdef0123456789abcdef\n";

test("only another boot of the very machine is an earlier one", () => {
  const now = bootToken(second, machine);
  assert.ok(isBootToken(now));
  assert.equal(isEarlierBoot(bootToken(first, machine), now), true);
  assert.equal(isEarlierBoot(now, now), false);
  assert.equal(isEarlierBoot(bootToken(first, otherMachine), now), false);
});

test("a machine without an ID has no earlier boots", () => {
  for (const id of ["", "uninitialized\n", "0123"]) {
    const now = bootToken(second, id);
    assert.ok(isBootToken(now));
    assert.equal(isEarlierBoot(bootToken(first, id), now), false);
    assert.equal(isEarlierBoot(bootToken(first, machine), now), false);
  }
});

test("the kernel tells its boot", () => {
  assert.match(readBootId() ?? "", /^[0-9a-f-]{36}$/);
});
