import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type SnapshotNode, snapshotNode, v8Flags } from "../node/binary.ts";
import { failureIn } from "../node/guards.ts";
import { bundleAsWritten } from "./bundle.ts";
import { buildExecutable } from "./executable.ts";
import { snapshotFailure } from "./snapshot-failure.ts";
import { snapshotInput } from "./snapshot-input.ts";

const root = join(import.meta.dirname, "../..");
const atStart = `import { atStart } from ${JSON.stringify(join(root, "shared/executable/at-start.ts"))};`;

describe("a module that is evaluated when an executable is built", () => {
  let folder = "";
  let entry = "";
  let node: SnapshotNode;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "guards-test-"));
    entry = join(folder, "main.ts");
    node = snapshotNode();
    writeFileSync(join(folder, "node"), node.binary, { mode: 0o755 });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Why no snapshot is made of a program; undefined when one is. */
  async function refusalOf(program: string): Promise<string | undefined> {
    writeFileSync(entry, program);
    const script = await bundleAsWritten(entry);
    const input = join(folder, "input");
    writeFileSync(input, JSON.stringify({ ...snapshotInput(script), frames: 100 }));
    const args = [...v8Flags, "--snapshot-blob", join(folder, "blob"), "--build-snapshot", input];
    const { status, stderr } = spawnSync(join(folder, "node"), args, { encoding: "utf8", env: {} });
    if (status === 0) return undefined;
    const failure = failureIn(stderr);
    assert.ok(failure !== undefined, stderr);
    return snapshotFailure(failure, script).replaceAll(/\.\.\S*\//g, "");
  }

  const touches: Readonly<Record<string, string>> = {
    'process.env["X"]': "the environment (process.env)",
    "process.argv": "the arguments (patchProcessObject)",
    "process.execPath": "the arguments (patchProcessObject)",
    "Date.now()": "the clock (Date)",
    "new Date()": "the clock (Date)",
    "process.hrtime()": "the clock (hrtime)",
    "Math.random()": "randomness (Math.random)",
    'fs.readFileSync("/etc/hostname", "utf8")': "files (readFileUtf8)",
    'fs.existsSync("/etc")': "files (existsSync)",
    'fs.statSync("/")': "files (stat)",
    'fs.writeSync(1, "x")': "files (writeString)",
    'resolve("x")': "files (cwd)",
    'process.dlopen({ exports: {} }, "/x")': "native code (dlopen)",
    'getRawAsset("x")': "the executable (getAsset)",
    "process.geteuid()": "the process's user (geteuid)",
    "process.exit(0)": "the process (reallyExit)",
    "process.abort()": "the process (abort)",
  };
  const imports = `import * as fs from "node:fs"; import { resolve } from "node:path"; import { getRawAsset } from "node:sea"; ${atStart}`;
  for (const [code, what] of Object.entries(touches)) {
    test(`must not touch ${what}: ${code}`, async () => {
      const refusal = await refusalOf(`${imports}\n\nconst read = ${code};\natStart(() => String(read));\n`);
      assert.ok(refusal?.startsWith(`main.ts:3: a module touches ${what} `), refusal);
    });
  }

  test("is told with the calls that led to it, also when it catches what is thrown", async () => {
    const program = `${imports}
      function read() {
        try { return Math.random(); } catch { return 0; }
      }
      function twice() { return read() + read(); }
      const sum = twice();
      atStart(() => sum);`;
    const [first, ...callers] = (await refusalOf(program))?.split("\n") ?? [];
    assert.match(first ?? "", /^main\.ts:3: a module touches randomness/);
    assert.deepEqual(callers, ["    called at main.ts:5", "    called at main.ts:6"]);
  });

  test("cannot keep a function for later", async () => {
    assert.match(
      (await refusalOf(`const { now } = Date;\n${atStart} atStart(() => now());`)) ?? "",
      /^main\.ts:1/,
    );
  });

  test("is told with its place when it fails by itself", async () => {
    const failing = `const fail = () => {\n  throw new TypeError("of its own");\n};\n${atStart} const x = fail(); atStart(() => x);`;
    assert.match(
      (await refusalOf(failing)) ?? "",
      /^main\.ts:2: TypeError: of its own\n {4}called at main\.ts:4$/,
    );
  });

  test("may do all of it in functions that are called later, and nothing is left of the guards", async () => {
    const unused = "const unused = () => [Date.now(), process.env, Math.random()];";
    assert.equal(await refusalOf(`${unused}\n${atStart} atStart(() => unused());`), undefined);
    assert.doesNotMatch(readFileSync(join(folder, "blob"), "latin1"), /it touches|no snapshot/);
  });

  test("stops the build, with its place, however functions were put together", async () => {
    writeFileSync(
      entry,
      `${imports}\nconst is = fs.existsSync("/etc");\natStart(() => process.exit(is ? 0 : 1));`,
    );
    await assert.rejects(
      buildExecutable({ entry, output: join(folder, "out/program"), node }),
      (error: Error) => {
        assert.match(error.message, /\/main\.ts:2: a module touches files \(existsSync\)/);
        assert.doesNotMatch(error.message, /shared\/runtime|program\.js/);
        return true;
      },
    );
  });
});

describe("an executable", () => {
  test("has Node's and JavaScript's own functions again when it starts", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "guards-test-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const entry = join(folder, "main.ts");
    writeFileSync(
      entry,
      `import { writeSync } from "node:fs";
      ${atStart}
      const isPlain = (target, name) => {
        const { value, configurable, get } = Object.getOwnPropertyDescriptor(target, name);
        const isOwn = typeof value !== "function" || /\\[native code\\]/.test(Function.prototype.toString.call(value));
        return isOwn && configurable && get === undefined;
      };
      atStart(() => {
        const targets = ["fs", "sea", "credentials", "process_methods"].map((name) => internalBinding(name));
        const others = [...targets, Math, globalThis, nodeProcess].flatMap((target) =>
          Reflect.ownKeys(target).filter((name) => target === globalThis ? name === "Date" : target !== Math || name === "random")
            .filter((name) => !isPlain(target, name)));
        writeSync(1, JSON.stringify({ others, limit: Error.stackTraceLimit, time: new Date().getTime() > 1e12 }));
      });`,
    );
    const output = join(folder, "program");
    await buildExecutable({ entry, output, node: snapshotNode() });
    const { stdout, stderr } = spawnSync(output, { encoding: "utf8" });
    assert.deepEqual(JSON.parse(stdout), { others: [], limit: 10, time: true }, stderr);
  });
});
