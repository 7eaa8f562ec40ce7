import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";
import { reportText, tapText } from "./formats.ts";
import type { Row } from "./row.ts";

const row = (name: string, status: Row["status"], reason?: string, byHand: string[] = []): Row => ({
  id: `suite/${name}@1.1.0`,
  suite: "suite",
  name,
  plugin: "bridge",
  version: "1.1.0",
  source: "SPEC, section 2",
  status,
  ...(reason !== undefined && { reason }),
  ...(status !== "not supported" && {
    outcome: { passed: status === "pass", byHand, calls: { ADD: 2 }, seconds: 1.5, observations: [] },
  }),
});

const wild = `<&>"' \u0000\u0001\u001b[31m\ufffe\tü\r\nsecond line ]]>`;
const rows = [
  row("fine", "pass"),
  row(`<b> & "c" # \\`, "fail", wild, [`printf '\u0007' | x`, "two\nlines"]),
  row("later", "not supported", "no\nVLANs"),
];
const about = { binDir: "/opt/cni/bin" };

const hasPython = spawnSync("python3", ["-c", ""]).status === 0;

test("JUnit's report is XML that a parser takes, with the texts in it", { skip: !hasPython }, () => {
  const program = [
    "import sys, json, xml.etree.ElementTree as tree",
    "root = tree.fromstring(sys.stdin.buffer.read())",
    "cases = root.findall('./testsuite/testcase')",
    "print(json.dumps([root.attrib, [c.get('name') for c in cases], cases[1].find('failure').attrib, cases[1].find('failure').text, cases[2].find('skipped').attrib]))",
  ].join("\n");
  const xml = reportText("x.xml", rows, about);
  const [total, names, failure, text, skipped] = JSON.parse(
    execFileSync("python3", ["-c", program], { input: xml, encoding: "utf8" }),
  );
  assert.deepEqual(total, { tests: "3", failures: "1", skipped: "1" });
  assert.deepEqual(
    names,
    rows.map(({ id }) => id),
  );
  assert.deepEqual(failure, { message: `<&>"' \\u0000\\u0001\\u001b[31m\\ufffe\\u0009ü\\u000d` });
  assert.match(text, /second line \]\]>\n\nprintf '\\u0007' \| x\ntwo\nlines$/);
  assert.deepEqual(skipped, { message: "no\nVLANs" });
});

test("TAP has a line for each scenario, and the reason of a failure", () => {
  const lines = tapText(rows).split("\n");
  assert.deepEqual(lines.slice(0, 4), [
    "TAP version 14",
    "1..3",
    "ok 1 - suite/fine@1.1.0",
    'not ok 2 - suite/<b> & "c" \\# \\\\@1.1.0',
  ]);
  assert.equal(lines[4], "  ---");
  assert.ok(lines.includes(`  message: ${JSON.stringify(wild)}`));
  assert.ok(lines.includes("    two") && lines.includes("    lines"));
  assert.deepEqual(lines.slice(-3), ["  ...", "ok 3 - suite/later@1.1.0 # SKIP no VLANs", ""]);
});

test("the JSON report has everything but what was observed", () => {
  const report = JSON.parse(reportText("x.json", rows, about));
  assert.equal(report.binDir, "/opt/cni/bin");
  assert.deepEqual(report.counts, { passed: 1, failed: 1, unsupported: 1 });
  assert.equal(report.scenarios[1].reason, wild);
  assert.deepEqual(report.scenarios[0].calls, { ADD: 2 });
  assert.equal(report.scenarios[0].observations, undefined);
});

test("another kind of file is refused", () => {
  assert.throws(() => reportText("x.html", rows, about), /\.xml \(JUnit\), \.json or \.tap/);
});
