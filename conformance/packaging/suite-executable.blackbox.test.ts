/** The conformance suite as one executable, `dist/conformance`, which other makers of plugins get. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type CommandResult, runCommandAsync, toolEnvironment } from "../harness/host/command.ts";
import { asObject, isObject, parseObject } from "../harness/host/json.ts";
import { waitUntil } from "../harness/host/wait.ts";
import { expectPeer, pluginFolder } from "../harness/plugins/binaries.ts";

const suite = fileURLToPath(new URL("../../dist/conformance", import.meta.url));

async function runSuite(...args: string[]): Promise<CommandResult> {
  if (!existsSync(suite)) throw new Error(`there is no ${suite}: run "npm run build" first`);
  return await runCommandAsync([suite, ...args], { check: false, timeoutMs: 25 * 60_000 });
}

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(`${tmpdir()}/cni-suite-`);
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("over loopback's scenarios: a table without failures, and reports of the same", {
  skip: expectPeer && "the Go loopback fails some",
}, async (t) => {
  const folder = folderFor(t);
  const report = (format: string) => `${folder}/report.${format}`;
  const reports = ["json", "xml", "tap"].flatMap((format) => ["--report", report(format)]);
  const done = await runSuite("--bin-dir", pluginFolder(), "--filter", "/^loopback/", ...reports);
  assert.equal(done.status, 0, done.stdout + done.stderr);

  const [, passed = ""] = /^(\d+) passed, 0 failed, 0 not supported$/m.exec(done.stdout) ?? [];
  assert.ok(Number(passed) > 20, done.stdout);
  assert.match(done.stdout, /^plugin +command +0\.1\.0 .* 1\.1\.0\nloopback +ADD( +✓ \d+){7}$/m);
  assert.match(done.stdout, /^ +GC( +·){6} +✓ \d+$/m);

  const json = parseObject(readFileSync(report("json"), "utf8"));
  assert.deepEqual(json["counts"], { passed: Number(passed), failed: 0, unsupported: 0 });
  const scenarios: unknown[] = Array.isArray(json["scenarios"]) ? json["scenarios"] : [];
  const ids = scenarios.map((row) => String(asObject(row)["id"]));
  assert.ok(ids.includes("loopback/brings lo up and reports its addresses@0.2.0"), ids.join("\n"));
  assert.ok(scenarios.every((row) => isObject(row) && row["status"] === "pass"));

  const xml = readFileSync(report("xml"), "utf8");
  assert.match(xml, new RegExp(`<testsuites tests="${passed}" failures="0" skipped="0">`));
  assert.equal(xml.match(/<testcase classname="loopback" name="loopback\//g)?.length, Number(passed));

  const lines = readFileSync(report("tap"), "utf8").trim().split("\n");
  const cases = ids.map((id, index) => `ok ${index + 1} - ${id}`);
  assert.deepEqual(lines, ["TAP version 14", `1..${passed}`, ...cases]);
});

test("a loopback that does nothing fails, and its host is kept for a look", async (t) => {
  const binDir = folderFor(t);
  const versions = JSON.stringify({ cniVersion: "1.1.0", supportedVersions: ["1.1.0"] });
  writeFileSync(`${binDir}/loopback`, `#!/bin/sh\n[ "$CNI_COMMAND" != VERSION ] || echo '${versions}'\n`);
  chmodSync(`${binDir}/loopback`, 0o755);

  const done = await runSuite("--bin-dir", binDir, "--filter", "loopback/brings lo up", "--keep");
  const [enter = "", pid = ""] = /^ *nsenter --target (\d+) --net --mount sh$/m.exec(done.stdout) ?? [];
  const [kill = ""] = /^ *kill -9 \d+/m.exec(done.stdout) ?? [];
  const isThere = () => existsSync(`/proc/${pid}/root/run/netns/c1`);
  t.after(() => pid !== "" && isThere() && process.kill(Number(pid), "SIGKILL"));

  assert.equal(done.status, 1, done.stdout + done.stderr);
  assert.match(done.stdout, /^loopback +ADD.* ✗ 1\/1$/m);
  assert.match(done.stdout, /^✗ loopback\/brings lo up[^\n]*@1\.1\.0\n {2}ADD loopback: it printed ""/m);
  assert.match(done.stdout, /^0 passed, 1 failed, 6 not supported$/m);
  assert.ok(isThere(), `no host is there: ${done.stdout}`);

  const shell = (line: string, input: string) =>
    execFileSync("sh", ["-c", line], { input, env: toolEnvironment, encoding: "utf8" });
  const seen = shell(enter, "ip -o link; ip netns list; ip -n c1 -o link");
  assert.match(seen, /^1: lo: <LOOPBACK,UP[^\n]*\nc1\b[^\n]*\n1: lo: <LOOPBACK>[^\n]*\n$/);

  shell(kill, "");
  await waitUntil("the kept host is gone", () => !isThere());
});

test("with --may-lack a plugin that is not there fails the run, and is named", async (t) => {
  const binDir = folderFor(t);
  symlinkSync(`${pluginFolder()}/loopback`, `${binDir}/loopback`);
  const some = ["loopback/brings lo up and reports its addresses@1.1.0", "tuning/VERSION"];
  const args = ["--bin-dir", binDir, ...some.flatMap((filter) => ["--filter", filter])];
  const lenient = await runSuite(...args);
  assert.match(lenient.stdout, /^1 passed, 0 failed, 1 not supported$/m);
  assert.equal(lenient.status, 0, lenient.stdout + lenient.stderr);
  const strict = await runSuite(...args, "--may-lack", "nothing");
  assert.equal(strict.status, 1, strict.stdout + strict.stderr);
  assert.match(strict.stdout, /^✗ tuning\/VERSION [^\n]*@1\.1\.0: there is no executable tuning$/m);
});

test("a filter that no scenario has is a mistake of the caller", async () => {
  const { status, stdout, stderr } = await runSuite("--bin-dir", pluginFolder(), "--filter", "no such thing");
  assert.deepEqual([status, stdout], [2, ""]);
  assert.match(stderr, /^conformance: no scenario has no such thing in its ID\n\nusage: /);
});
