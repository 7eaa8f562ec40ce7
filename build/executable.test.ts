import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { buildExecutable } from "./executable.ts";
import { writeBaseBinary } from "./runtime.ts";

const loader = join(import.meta.dirname, "../shared/linux/koffi.ts");
const source = `
import { libc } from ${JSON.stringify(loader)};
declare const codeCacheRejected: boolean;
const getpid = libc().func("int getpid()");
process.stdout.write(JSON.stringify({ ffi: getpid() === process.pid, codeCacheRejected }));
`;

describe("an executable", () => {
  let folder = "";
  let executable = "";
  let empty = "";

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "executable-test-"));
    empty = join(folder, "empty");
    mkdirSync(empty);
    const entry = join(folder, "main.ts");
    writeFileSync(entry, source);
    const base = join(folder, "node");
    writeBaseBinary(base);
    // Only what is beside the executable may differ from where it was built.
    await buildExecutable({ entry, output: join(folder, "built/program"), base });
    assert.deepEqual(readdirSync(join(folder, "built")), ["program"], "nothing of the build stays behind");
    executable = join(folder, "alone");
    copyFileSync(join(folder, "built/program"), executable);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  const environments: Record<string, string>[] = [
    {},
    { NODE_OPTIONS: "--require=/nonexistent" },
    { NODE_OPTIONS: "--no-such-option" },
    { NODE_USE_ENV_PROXY: "1", HTTP_PROXY: "not an address" },
    { NODE_DEBUG: "fs,module", NODE_PENDING_DEPRECATION: "1" },
    { NODE_EXTRA_CA_CERTS: "/nonexistent", OPENSSL_CONF: "/nonexistent" },
  ];
  for (const env of environments) {
    test(`runs alone, in silence and without traces with ${JSON.stringify(env)}`, () => {
      const { status, stdout, stderr } = spawnSync(executable, [], { cwd: empty, env, encoding: "utf8" });
      assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
      assert.deepEqual(JSON.parse(stdout), { ffi: true, codeCacheRejected: false });
      assert.deepEqual(readdirSync(empty), []);
    });
  }

  test("does not tell where it was built", () => {
    const bytes = readFileSync(executable);
    for (const path of [folder, join(import.meta.dirname, "..")]) assert.equal(bytes.indexOf(path), -1, path);
  });
});
