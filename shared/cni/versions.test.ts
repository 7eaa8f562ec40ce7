import assert from "node:assert/strict";
import { test } from "node:test";
import type { Command } from "./environment.ts";
import { allVersions, checkVersion, resultFamily } from "./versions.ts";

function refusal(
  command: Command,
  version: string,
  supported: readonly string[] = allVersions,
): [unknown, string] | undefined {
  try {
    checkVersion(command, version, supported);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Error && "code" in error);
    return [error.code, error.message];
  }
}

test("each version's commands", () => {
  const since = { ADD: "0.1.0", DEL: "0.1.0", CHECK: "0.4.0", GC: "1.1.0", STATUS: "1.1.0" } as const;
  for (const command of ["ADD", "DEL", "CHECK", "GC", "STATUS"] as const) {
    for (const version of allVersions) {
      const wanted = version >= since[command] ? undefined : [1, `config version does not allow ${command}`];
      assert.deepEqual(refusal(command, version), wanted, `${command} ${version}`);
    }
  }
});

test("versions are compared as text where nothing has to be ordered", () => {
  for (const version of ["1.0", "abc", "2.0.0", "1.0.0 ", "01.0.0"]) {
    assert.deepEqual(refusal("ADD", version), [1, "incompatible CNI versions"], version);
    assert.deepEqual(refusal("DEL", version), [1, "incompatible CNI versions"], version);
  }
});

test("a version newer than the plugin's, between its own, and none at all", () => {
  assert.deepEqual(refusal("CHECK", "2.0.0"), [1, "plugin version does not allow CHECK"]);
  assert.deepEqual(refusal("CHECK", "1.1.1"), [1, "plugin version does not allow CHECK"]);
  assert.deepEqual(refusal("CHECK", "1.0.5"), [1, "incompatible CNI versions"]);
  assert.deepEqual(refusal("GC", "1.1"), [1, "incompatible CNI versions"]);
  for (const version of ["abc", "1.2.3.4", "1..0", "1.x.0", "-1.0.0"]) {
    assert.equal(refusal("STATUS", version)?.[0], 6, version);
  }
});

test("a plugin that knows only newer versions", () => {
  const supported = ["0.4.0", "1.0.0", "1.1.0"];
  assert.deepEqual(refusal("ADD", "0.3.1", supported), [1, "incompatible CNI versions"]);
  assert.equal(refusal("ADD", "0.4.0", supported), undefined);
});

test("the refusal shows both sides", () => {
  assert.throws(() => checkVersion("ADD", "9.9.9", ["0.4.0", "1.0.0"]), {
    details: 'config is "9.9.9", plugin supports ["0.4.0" "1.0.0"]',
  });
});

test("families of results", () => {
  const families = [...allVersions, "", "1.2.0", "1.0"].map((version) => resultFamily(version));
  assert.deepEqual(families, ["0.1", "0.1", "0.3", "0.3", "0.3", "1.0", "1.0", "0.1", undefined, undefined]);
});
