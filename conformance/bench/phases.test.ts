import assert from "node:assert/strict";
import { test } from "node:test";
import { phaseRows, phasesTable } from "./phases.ts";
import { type Row, rowOf, type Sample } from "./rows.ts";

function samples(wallMs: number, cpuMs: number): Sample[] {
  return [{ wallMs, cpuMs, peakMb: 40 }];
}

function row(part: Pick<Row, "section" | "name" | "call">, ours: Sample[], go: Sample[]): Row {
  return rowOf({ backend: "", attachments: 0, parallel: 1, ...part }, { ours, go });
}

const bridge = { section: "plugins", name: "bridge" } as const;

test("the parts of a call together are its wall time", () => {
  const rows = phaseRows([
    row({ section: "start", name: "executable", call: "empty" }, samples(17, 16), []),
    row({ ...bridge, call: "VERSION" }, samples(21, 20), samples(2, 2)),
    row({ ...bridge, call: "DEL" }, samples(90, 50), samples(70, 30)),
  ]);
  assert.deepEqual(rows, [
    {
      ...{ plugin: "bridge", backend: "", call: "DEL" },
      ours: { runtime: 16, program: 4, work: 30, waiting: 40 },
      go: { runtime: 0, program: 2, work: 28, waiting: 40 },
    },
  ]);
  assert.match(phasesTable(rows), /bridge +DEL +16\.0 +4\.00 +30\.0 +40\.0 +2\.00 +28\.0 +40\.0/);
});

test("without the start or VERSION nothing is said", () => {
  assert.deepEqual(phaseRows([row({ ...bridge, call: "ADD" }, samples(50, 40), samples(20, 20))]), []);
});
