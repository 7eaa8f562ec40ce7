import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { canLinkAddon, pinnedNode, snapshotNode } from "../node/binary.ts";
import { differencesFrom } from "../node/differences.ts";
import { symbolsOf } from "../node/elf.ts";
import { marksOf } from "../node/image.ts";
import { buildExecutable, buildLinkedExecutable } from "./executable.ts";

const linux = join(import.meta.dirname, "../../shared/linux");
const source = `
import { readSync, writeSync } from "node:fs";
import { atStart } from ${JSON.stringify(join(linux, "../executable/at-start.ts"))};
import { libc } from ${JSON.stringify(join(linux, "koffi.ts"))};
function fail(times) { return times > 1 ? fail(times - 1) : new Error("of this").stack; }
atStart(() => {
  const input = Buffer.alloc(10);
  const told = {
    pid: libc().func("int getpid()")(),
    input: input.toString("utf8", 0, readSync(0, input)),
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

const koffi = join(import.meta.dirname, "../../node_modules/koffi");

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
    { NODE_EXTRA_CA_CERTS: "/nonexistent", OPENSSL_CONF: "/nonexistent", SSL_CERT_FILE: "/nonexistent" },
    { NODE_COMPILE_CACHE: "cache", NODE_V8_COVERAGE: "coverage", NODE_REDIRECT_WARNINGS: "warnings" },
    { NODE_DEBUG_NATIVE: "mksnapshot,sea,diagnostics" },
    { NODE_REPL_EXTERNAL_MODULE: "/etc/passwd" },
    { NODE_ICU_DATA: "/nonexistent", TZ: "/nonexistent", LC_ALL: "none" },
    { NODE_CHANNEL_FD: "0", NODE_UNIQUE_ID: "1", NODE_TEST_CONTEXT: "child-v8" },
    { UV_THREADPOOL_SIZE: "none", UV_USE_IO_URING: "1" },
  ];
  environments.push(Object.assign({}, ...environments));
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

  const limits: Record<string, string> = {
    "24 descriptors": 'ulimit -n 24; exec "$0" 3>&- 4>&- 5>&-',
    "800 MB of address space": 'ulimit -v 800000; exec "$0"',
  };
  for (const [limit, script] of Object.entries(limits)) {
    test(`runs with ${limit}`, () => {
      const { status, stdout } = spawnSync("sh", ["-c", script, executable], {
        input: "in",
        encoding: "utf8",
      });
      assert.deepEqual({ status, input: JSON.parse(stdout).input }, { status: 0, input: "in" });
    });
  }

  test("runs where no memory may become executable", (t) => {
    // linux/prctl.h: PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN (Linux 6.3), as systemd's MemoryDenyWriteExecute= uses it.
    const program = `
      const libc = require(${JSON.stringify(koffi)}).load(null);
      const execv = libc.func("int execv(const char *, const char **)");
      const fcntl = libc.func("int fcntl(int, int, int)");
      const prctl = libc.func("int prctl(int, long, long, long, long)");
      // Node has them closed at an exec (F_SETFD).
      for (const fd of [0, 1, 2]) fcntl(fd, 2, 0);
      if (prctl(65, 1, 0, 0, 0) !== 0) process.exit(77);
      execv(process.argv[1], [process.argv[1], null]);`;
    const args = ["--jitless", "-e", program, executable];
    const { status, stdout } = spawnSync(process.execPath, args, { input: "in", encoding: "utf8" });
    if (status === 77) return t.diagnostic("this kernel has no PR_SET_MDWE");
    assert.equal(JSON.parse(stdout).input, "in");
  });

  test("two builds give the same bytes", async () => {
    const again = join(folder, "again/program");
    await buildExecutable({ entry: join(folder, "main.ts"), output: again, node: snapshotNode() });
    assert.ok(readFileSync(again).equals(readFileSync(executable)));
  });

  test("a byte that is another is found, and what it is part of is said", () => {
    const bytes = readFileSync(executable);
    const symbols = [...symbolsOf(readFileSync(pinnedNode)).values()];
    const { slim } = snapshotNode();
    const expected = { bytes, symbols, endOfNode: slim.endOfNode, endOfAddon: slim.end };
    assert.deepEqual(differencesFrom(expected, Buffer.from(bytes)), []);
    const places = [0, 70, 5000, 30_000_000, 45_000_000, bytes.length - 2_000_000, bytes.length - 1];
    for (const place of places) {
      const other = Buffer.from(bytes);
      other.writeUInt8(other.readUInt8(place) ^ 0x10, place);
      const [found, ...more] = differencesFrom(expected, other);
      assert.deepEqual([found?.offset, found?.length, more], [place, 1, []]);
      assert.match(found?.part ?? "", /./);
    }
    const inAddon = marksOf(bytes).find(({ address }) => address >= slim.endOfNode && address < slim.end);
    assert.equal(inAddon !== undefined, canLinkAddon);
    if (inAddon !== undefined) {
      const other = Buffer.from(bytes);
      other.writeUInt8(other.readUInt8(inAddon.offset) ^ 0x10, inAddon.offset);
      assert.equal(differencesFrom(expected, other)[0]?.part, "koffi's addon");
    }
    const [cut] = differencesFrom(expected, bytes.subarray(0, bytes.length - 10));
    assert.deepEqual([cut?.offset, cut?.length], [bytes.length - 10, 10]);
    const [longer] = differencesFrom(expected, Buffer.concat([bytes, Buffer.from("x")]));
    assert.deepEqual([longer?.offset, longer?.part], [bytes.length, "more than there should be"]);
  });

  test("does not tell where it was built", () => {
    const bytes = readFileSync(executable);
    for (const path of [folder, join(import.meta.dirname, "../..")])
      assert.equal(bytes.indexOf(path), -1, path);
  });
});

describe("an executable with several programs", () => {
  let folder = "";

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "linked-test-"));
    const entryOf = (says: string): string => {
      const entry = join(folder, `${says}.ts`);
      writeFileSync(
        entry,
        `import { writeSync } from "node:fs";
        import { atStart } from ${JSON.stringify(join(linux, "../executable/at-start.ts"))};
        atStart(() => { writeSync(1, ${JSON.stringify(says)}); });`,
      );
      return entry;
    };
    await buildLinkedExecutable({
      folder: join(folder, "bin"),
      node: snapshotNode(),
      programs: new Map([
        ["host-local", { entry: entryOf("one") }],
        ["local", { entry: entryOf("two") }],
      ]),
      otherwise: { entry: entryOf("other") },
    });
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  /** What it says when it is called by a name. */
  function said(argv0: string): string {
    const { status, stdout, stderr } = spawnSync(join(folder, "bin/local"), [], { argv0, encoding: "utf8" });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    return stdout;
  }

  test("is one file with a link for each, and nothing else", () => {
    const bin = join(folder, "bin");
    assert.deepEqual(readdirSync(bin).sort(), ["host-local", "local"]);
    assert.equal(statSync(join(bin, "local")).ino, statSync(join(bin, "host-local")).ino);
  });

  test("is the program whose name it is called by, also behind a folder or a dash", () => {
    for (const name of ["host-local", "/opt/cni/bin/host-local", "buildkit-cni-host-local"]) {
      assert.equal(said(name), "one", name);
    }
    for (const name of ["local", "./local", "cnv-local", "host-local/../local"])
      assert.equal(said(name), "two", name);
  });

  test("is the last one by any other name", () => {
    for (const name of [
      "",
      "/",
      "loca",
      "locals",
      "local-",
      "hostlocal",
      "host-local/",
      "-",
      "a".repeat(5000),
    ]) {
      assert.equal(said(name), "other", name);
    }
  });
});
