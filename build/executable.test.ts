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
import { snapshotNode } from "./node/binary.ts";

const linux = join(import.meta.dirname, "../shared/linux");
const source = `
import { readSync, writeSync } from "node:fs";
import { atStart } from ${JSON.stringify(join(linux, "at-start.ts"))};
import { libc } from ${JSON.stringify(join(linux, "koffi.ts"))};
const evaluated = process.env["NOT_OF_THE_BUILD"];
function fail(times) { return times > 1 ? fail(times - 1) : new Error("of this").stack; }
atStart(() => {
  const input = Buffer.alloc(10);
  const told = {
    pid: libc().func("int getpid()")(),
    input: input.toString("utf8", 0, readSync(0, input)),
    evaluated: evaluated ?? "before",
    own: process.env["NOT_OF_THE_BUILD"],
    args: process.argv.slice(2),
    execPath: process.execPath,
    stack: fail(2).split("\\n").slice(0, 3),
    isLater: process.hrtime()[0] > 0 && Date.now() > 1e12,
    random: Math.random(),
  };
  writeSync(1, JSON.stringify(told));
});
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
    const node = snapshotNode();
    // Only what is beside the executable may differ from where it was built.
    await buildExecutable({ entry, output: join(folder, "built/program"), node });
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
      const run = () => {
        const options = {
          cwd: empty,
          env: { ...env, NOT_OF_THE_BUILD: "own" },
          input: "in",
          encoding: "utf8",
        } as const;
        const { status, stdout, stderr, pid } = spawnSync(executable, ["--help", "-e", "1"], options);
        assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
        const { random, stack, ...told } = JSON.parse(stdout);
        assert.deepEqual(told, {
          pid,
          input: "in",
          evaluated: "before",
          own: "own",
          args: ["--help", "-e", "1"],
          execPath: executable,
          isLater: true,
        });
        // A place in the program, one for each of the two calls.
        const places = stack
          .join("\n")
          .match(/^Error: of this\n {4}at fail \((.*:1:\d{3,})\)\n {4}at fail \((.*)\)$/);
        assert.notEqual(places?.[1], places?.[2], stack);
        return random;
      };
      assert.notEqual(run(), run());
      assert.deepEqual(readdirSync(empty), []);
    });
  }

  test("does not tell where it was built", () => {
    const bytes = readFileSync(executable);
    for (const path of [folder, join(import.meta.dirname, "..")]) assert.equal(bytes.indexOf(path), -1, path);
  });
});
