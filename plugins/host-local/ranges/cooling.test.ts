import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Cooling, formatMoment, restOf } from "./cooling.ts";

const bootId = "11111111-2222-4333-8444-555555555555";
const other = "99999999-2222-4333-8444-555555555555";

test("an address rests for the seconds that are left, by the clock of the boot", () => {
  const mark = formatMoment({ bootId, uptime: 100.25 });
  const rest = (uptime: number): number => restOf(mark, 30, { bootId, uptime });
  assert.equal(rest(100.25), 30);
  assert.equal(rest(110.25), 20);
  assert.equal(rest(130.25), 0);
  assert.equal(rest(500), 0);
  // A shorter uptime cannot be, but must not lock the address either.
  assert.equal(rest(1), 30);
});

test("an address that was released in an earlier boot rests from the start of this one", () => {
  const mark = formatMoment({ bootId: other, uptime: 5000 });
  assert.equal(restOf(mark, 30, { bootId, uptime: 10 }), 20);
  assert.equal(restOf(mark, 30, { bootId, uptime: 31 }), 0);
  assert.equal(restOf("nonsense", 30, { bootId, uptime: 31 }), 0);
});

test("marks that have ended are removed; without cool-down none is written or heeded", (t) => {
  const sideDirectory = join(mkdtempSync(join(tmpdir(), "cooling-")), "net");
  t.after(() => rmSync(join(sideDirectory, ".."), { recursive: true }));
  const settings = { directory: "/none", sideDirectory, lockTimeoutSeconds: 0 };
  const cooling = (cooldownSeconds: number, uptime: number): Cooling =>
    new Cooling({ ...settings, cooldownSeconds }, () => ({ bootId, uptime }));
  const marks = (): string[] => readdirSync(join(sideDirectory, "cooling")).sort();

  cooling(0, 1).startRest("10.0.0.2");
  assert.equal(cooling(0, 1).rest("10.0.0.2"), 0);
  assert.throws(marks);
  cooling(30, 1).startRest("10.0.0.2");
  cooling(30, 11).startRest("10.0.0.3");
  cooling(30, 21).startRest("10.0.0.4");
  const at32 = cooling(30, 32);
  assert.deepEqual([at32.rest("10.0.0.4"), at32.rest("10.0.0.3"), at32.rest("10.0.0.2")], [19, 9, 0]);
  assert.equal(at32.shortestRest, 9);
  assert.deepEqual(marks(), ["10.0.0.3", "10.0.0.4"]);
  cooling(30, 35).startRest("10.0.0.3");
  assert.deepEqual(cooling(30, 52).resting(), ["10.0.0.3"]);
  assert.deepEqual(marks(), ["10.0.0.3"]);
  assert.deepEqual(cooling(0, 1).resting(), []);
  assert.deepEqual(marks(), []);
});

test("a side directory that cannot be written is no failure", () => {
  const settings = { directory: "/none", sideDirectory: "/proc/none", lockTimeoutSeconds: 0 };
  const cooling = new Cooling({ ...settings, cooldownSeconds: 30 });
  cooling.startRest("10.0.0.2");
  assert.equal(cooling.rest("10.0.0.2"), 0);
});
