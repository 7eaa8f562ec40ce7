import "./bindings-of-node.fixture.ts";
import assert from "node:assert/strict";
import * as node from "node:fs";
import { constants as nodeConstants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { BigIntStats, Stats } from "./file-status.ts";
import * as own from "./fs.ts";
import { constants } from "./os.ts";

const folder = node.mkdtempSync(join(tmpdir(), "runtime-fs-test-"));
after(() => node.rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
node.writeFileSync(at("text"), "é\n");
node.writeFileSync(at("long"), "x".repeat(20_000));
node.mkdirSync(at("directory"));
node.symlinkSync("text", at("link"));

/** What a call gives or throws. */
function outcome(call: () => unknown): unknown {
  try {
    return { value: call() };
  } catch (error) {
    assert.ok(error instanceof Error);
    return { ...error, message: error.message, name: error.name };
  }
}

const places = [
  "text",
  "directory",
  "link",
  "missing",
  "text/below",
  "missing/below",
  "null\0character",
  "x".repeat(300),
];

const calls: Readonly<Record<string, (fs: typeof own, path: string) => unknown>> = {
  accessSync: (fs, path) => fs.accessSync(path, fs.constants.X_OK),
  existsSync: (fs, path) => fs.existsSync(path),
  "openSync to read": (fs, path) => fs.closeSync(fs.openSync(path, "r")),
  "openSync by flags": (fs, path) =>
    fs.closeSync(fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY)),
  "openSync of a link": (fs, path) =>
    fs.closeSync(fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW)),
  "openSync of a new file": (fs, path) => fs.openSync(path, "wx"),
  "readFileSync as UTF-8": (fs, path) => fs.readFileSync(path, "utf8"),
  "readFileSync as Latin-1": (fs, path) => fs.readFileSync(path, "latin1"),
  readdirSync: (fs, path) => fs.readdirSync(path),
  readlinkSync: (fs, path) => fs.readlinkSync(path),
  statSync: (fs, path) => status(fs.statSync(path)),
  "statSync of what may be missing": (fs, path) => status(fs.statSync(path, { throwIfNoEntry: false })),
  "statSync with bigint": (fs, path) => bigStatus(fs.statSync(path, { bigint: true })),
  lstatSync: (fs, path) => status(fs.lstatSync(path)),
  "lstatSync with bigint": (fs, path) =>
    bigStatus(fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })),
  statfsSync: (fs, path) => fs.statfsSync(path).type,
  mkdirSync: (fs, path) => fs.mkdirSync(`${path}/directory`, 0o700),
  "rmSync of nothing": (fs, path) => fs.rmSync(`${path}/nothing`, { force: true }),
  "unlinkSync of nothing": (fs, path) => fs.unlinkSync(`${path}/nothing`),
  "renameSync of nothing": (fs, path) => fs.renameSync(`${path}/nothing`, path),
  "symlinkSync onto something": (fs, path) => fs.symlinkSync("x", `${path}/`),
};

function status(stat: Stats | undefined): unknown {
  if (stat === undefined) return undefined;
  const { dev, mode, nlink, uid, ino, size, mtimeMs, ctimeMs, mtime } = stat;
  const kinds = [stat.isDirectory(), stat.isFile(), stat.isSocket()];
  return { dev, mode, nlink, uid, ino, size, mtimeMs, ctimeMs, mtime, kinds };
}

function bigStatus(stat: BigIntStats | undefined): unknown {
  if (stat === undefined) return undefined;
  const { dev, nlink, ino, size, mtimeNs, ctimeNs, birthtimeNs } = stat;
  return { dev, nlink, ino, size, mtimeNs, ctimeNs, birthtimeNs };
}

for (const [name, call] of Object.entries(calls)) {
  test(`${name} gives and throws what Node's does`, () => {
    for (const place of places) {
      if (name === "mkdirSync" && place === "directory")
        node.mkdirSync(at("directory/directory"), { recursive: true });
      if (name === "openSync of a new file" && place === "missing") continue;
      const [mine, nodes] = [own, node].map((fs) => outcome(() => call(fs as typeof own, at(place))));
      assert.deepEqual(mine, nodes, place);
    }
  });
}

test("files are written and read in parts, at places and as texts as with Node", () => {
  const written = [own, node].map((fs, index) => {
    const path = at(`written${index}`);
    const fd = fs.openSync(path, "wx", 0o600);
    const counts = [
      fs.writeSync(fd, new Uint8Array([65, 66, 67, 68, 69])),
      fs.writeSync(fd, new Uint8Array([70, 71, 72]), 1),
      fs.writeSync(fd, new Uint8Array([73, 74, 75]), 1, 1),
      fs.writeSync(fd, new Uint8Array([76, 77]), 0, 2, 20),
      fs.writeSync(fd, "é"),
      fs.writeSync(fd, "é", 30, "latin1"),
    ];
    fs.fsyncSync(fd);
    fs.closeSync(fd);
    const reader = fs.openSync(path, fs.constants.O_RDONLY);
    const part = new Uint8Array(8);
    const reads = [
      fs.readSync(reader, part),
      fs.readSync(reader, part, 6, 2, null),
      fs.readSync(reader, part, 0, 2, 20),
      fs.readSync(reader, part, 0, 0),
      fs.readSync(reader, part, 0, 1, 1000),
    ];
    const { size } = fs.fstatSync(reader, { bigint: true });
    fs.closeSync(reader);
    const { mode } = fs.statSync(path);
    fs.writeFileSync(path, "short", { mode: 0o644 });
    return { counts, reads, part: [...part], size, mode, whole: fs.readFileSync(path, "utf8") };
  });
  assert.deepEqual(written[0], written[1]);
  assert.equal(own.readFileSync(at("long"), "latin1"), "x".repeat(20_000));
});

test("a failed write and a failed read say what Node says", () => {
  for (const call of [
    (fs: typeof own) => fs.writeSync(987, new Uint8Array(1)),
    (fs: typeof own) => fs.writeSync(987, "text"),
    (fs: typeof own) => fs.readSync(987, new Uint8Array(1)),
    (fs: typeof own) => fs.fstatSync(987),
    (fs: typeof own) => fs.closeSync(987),
    (fs: typeof own) => fs.writeFileSync(at("missing/file"), "x", { mode: 0o600 }),
    (fs: typeof own) => fs.writeFileSync(987, "x"),
  ]) {
    assert.deepEqual(
      outcome(() => call(own)),
      outcome(() => call(node as unknown as typeof own)),
    );
  }
});

test("entries of a directory are of the types that Node tells", () => {
  const kinds = (fs: typeof own) =>
    fs
      .readdirSync(folder, { withFileTypes: true })
      .map((entry) => [entry.name, entry.isDirectory(), entry.isFile(), entry.isSymbolicLink()]);
  assert.deepEqual(kinds(own), kinds(node as unknown as typeof own));
});

test("rmSync removes a file, and no directory", () => {
  node.writeFileSync(at("gone"), "");
  own.rmSync(at("gone"), { force: true });
  assert.equal(node.existsSync(at("gone")), false);
  assert.throws(() => own.rmSync(at("directory"), { force: true }), { code: "ERR_FS_EISDIR" });
});

test("the constants are Node's", () => {
  for (const [name, value] of Object.entries(own.constants)) {
    assert.equal(value, Reflect.get(node.constants, name), name);
  }
  assert.deepEqual({ ...constants.errno }, { ...nodeConstants.errno });
  assert.deepEqual({ ...constants.signals }, { ...nodeConstants.signals });
});
