/** Scenarios that can fail, run in a host of their own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runScenario } from "./run-scenario.ts";
import type { Step } from "./scenario.ts";

/** A plugin that says on standard error what it was given, and succeeds. */
const binDir = "/run/bin";
const plugin: Step = { write: `${binDir}/fake`, content: "#!/bin/sh\nexec cat >&2\n", mode: 0o755 };

const outcomeOf = (...steps: Step[]) =>
  runScenario({ name: "x", plugin: "fake", source: "here", steps }, "1.1.0", { binDir });

test("a look fails when its tool does, unless that is expected", async () => {
  const gone = ["ip", "-j", "link", "show", "dev", "gone"];
  const { passed, reason } = await outcomeOf({ look: gone, shows: [] });
  assert.ok(!passed);
  assert.match(reason ?? "", /^ip -j link show dev gone: it ended with status 1 \(.*gone/);
  const lacking = await outcomeOf({
    look: gone,
    shows: { $lacks: [{ ifname: "gone" }] },
    withinSeconds: 0.1,
  });
  assert.match(lacking.reason ?? "", /status 1/);
  for (const status of [1, null]) {
    const { reason: none } = await outcomeOf({ look: gone, shows: [], status });
    assert.equal(none, undefined);
  }
  const another = await outcomeOf({ look: ["true"], shows: [], status: 1 });
  assert.match(another.reason ?? "", /status 0/);
});

test("a look that fails first is repeated for as long as it may take", async () => {
  const waiting: Step[] = [
    { look: ["cat", "/run/later"], shows: ["here"], withinSeconds: 20 },
    { run: ["sh", "-c", "echo here > /run/.later && mv /run/.later /run/later"] },
  ];
  const { reason } = await outcomeOf({ parallel: waiting });
  assert.equal(reason, undefined);
});

test("the lines by hand have what was run, with the values of variables", async () => {
  const { passed, reason, byHand } = await outcomeOf(
    plugin,
    { write: "/run/a/file", content: `version \${version}` },
    { call: "DEL", stdin: `in \${version}`, under: ["setpriv", "--nnp"] },
  );
  assert.ok(passed, reason);
  assert.ok(
    byHand.some((line) => line.endsWith(`chmod 755 ${binDir}/fake`)),
    byHand.join("\n"),
  );
  assert.ok(byHand.includes("mkdir -p /run/a && printf %s 'version 1.1.0' > /run/a/file"), byHand.join("\n"));
  assert.match(byHand.at(-1) ?? "", /^printf %s 'in 1\.1\.0' \| env .* setpriv --nnp \/run\/bin\/fake$/);
});
