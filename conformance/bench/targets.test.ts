import assert from "node:assert/strict";
import { test } from "node:test";
import { type Row, rowOf, type Sample } from "./rows.ts";
import { targets } from "./targets.ts";

function samples(wallMs: number, peakMb = 40): Sample[] {
  return [wallMs, wallMs, wallMs].map((wall) => ({ wallMs: wall, cpuMs: wall, peakMb }));
}

function row(part: Partial<Row>, ours: number, go: number, peakMb = 40): Row {
  const base = {
    section: "chains",
    name: "x",
    backend: "iptables",
    call: "ADD",
    attachments: 0,
    parallel: 1,
  } as const;
  return rowOf({ ...base, ...part }, { ours: samples(ours, peakMb), go: go === 0 ? [] : samples(go, 10) });
}

test("each row of the issue takes the worst of what counts for it", () => {
  const nftables = { name: "kubernetes-nftables", backend: "nftables" };
  const answers = targets([
    row({ name: "nerdctl-bridge" }, 100, 100, 50),
    row({ name: "nerdctl-bridge", call: "DEL" }, 40, 100),
    row({ name: "nerdctl-bridge", call: "CHECK" }, 300, 100),
    row({ name: "nerdctl-bridge", attachments: 1000 }, 900, 100),
    row(nftables, 80, 100),
    row({ ...nftables, attachments: 1000 }, 84, 400),
    row({ ...nftables, call: "DEL", attachments: 1000 }, 90, 200),
    row({ section: "parallel", parallel: 50 }, 90, 100),
    row({ section: "start", call: "empty" }, 20, 0),
    row({ section: "start", call: "empty, all of Node" }, 40, 0),
    row({ section: "start", call: "first line" }, 24, 0),
  ]);
  const shown = answers.map(({ measured, ok }) => [measured, ok]);
  assert.deepEqual(shown, [
    [1, "must reached"],
    [0.4, "aim reached"],
    [3, "missed"],
    [0.8, "aim reached"],
    [0.45, "must reached"],
    [1.05, "aim reached"],
    [0.9, "must reached"],
    [1.2, "must reached"],
    [0.6, "aim reached"],
    [50, "must reached"],
  ]);
  assert.equal(answers[4]?.where, "kubernetes-nftables nftables DEL, 1000 attachments");
});

test("what was not measured is not judged", () => {
  assert.deepEqual([...new Set(targets([]).map(({ ok }) => ok))], ["not measured"]);
});
