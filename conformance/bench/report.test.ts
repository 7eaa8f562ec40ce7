import assert from "node:assert/strict";
import { test } from "node:test";
import { failures, noiseOf, noiseText, panels, rowsTable } from "./report.ts";
import { type Row, rowOf, type Sample } from "./rows.ts";

function samples(...walls: number[]): Sample[] {
  return walls.map((wallMs) => ({ wallMs, cpuMs: wallMs / 2, peakMb: 40 }));
}

const base = {
  section: "chains",
  name: "nerdctl",
  backend: "iptables",
  call: "ADD",
  attachments: 0,
  parallel: 1,
} as const;
const slow = samples(100, 102, 98, 101, 99);
const fast = samples(50, 51, 49, 52, 48);

test("a table says who is faster, and where that is not sure", () => {
  const [heading = "", , first = "", second = ""] = rowsTable([
    rowOf(base, { ours: fast, go: slow }),
    rowOf({ ...base, attachments: 1000 }, { ours: slow, go: slow }),
  ]).split("\n");
  assert.match(heading, /^attached {2}call {2}ours ms/);
  assert.match(first, /^ +0 {2}ADD +50\.0 {2}49\.0–51\.0 +100 +99\.0–101 +0\.50 .* faster +25\.0 {2}50\.0/);
  assert.match(second, /^ +1000 {2}ADD .* 1\.00 .*\(not sure\)/);
});

test("a side that was not measured is a dash", () => {
  assert.match(rowsTable([rowOf(base, { ours: fast, go: [] })]), /\nADD .* - +- +- +- +- /);
});

test("the noise is what two equal hosts differ by", () => {
  const noise = noiseOf([rowOf(base, { ours: fast, go: slow, goAgain: samples(110, 112, 108, 111, 109) })]);
  assert.ok(noise !== undefined && Math.abs(noise.worst - 0.1) < 1e-9, JSON.stringify(noise));
  assert.equal(noise.certain, 1);
  assert.match(noiseText(noise), /10\.0 % at most; 1 of the 1/);
  assert.match(noiseText(noiseOf([])), /not measured/);
});

test("failed calls are told", () => {
  const row: Row = rowOf({ ...base, parallel: 50 }, { ours: fast, go: slow });
  if (row.go !== undefined) row.go.failures = 3;
  assert.deepEqual(failures([row]), ["Go: 3 of 250 calls of ADD failed, 50 at once"]);
});

test("what was measured at different numbers of attachments is drawn", () => {
  const rows = [0, 1000].map((attachments) => rowOf({ ...base, attachments }, { ours: fast, go: slow }));
  const [panel] = panels([...rows, rowOf({ ...base, name: "once" }, { ours: fast, go: slow })]);
  assert.equal(panel?.title, "chain nerdctl (iptables)");
  assert.deepEqual(
    panel.lines.map(({ label, points }) => [label, points.map(({ y }) => y)]),
    [
      ["ADD ours", [50, 50]],
      ["ADD Go", [100, 100]],
      ["DEL ours", []],
      ["DEL Go", []],
    ],
  );
});
