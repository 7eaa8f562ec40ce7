import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { folderFor, linked, selfFor, writeOurs } from "./executable.fixture.ts";
import { install } from "./install.ts";
import { openSelf } from "./self.ts";

const all = { names: linked.plugins, copies: false, update: true };
const done = (report: ReturnType<typeof install>) => report.all.map((one) => one.done);

test("one file by all names, in a directory that is made", (t) => {
  const self = selfFor(t);
  const directory = join(self.folder, "opt/cni/bin");
  assert.deepEqual(done(install(self, { ...all, directory })), ["written", "linked", "linked"]);
  assert.deepEqual(readdirSync(directory).sort(), [...linked.plugins]);
  const files = linked.plugins.map((name) => lstatSync(join(directory, name)));
  assert.equal(new Set(files.map(({ ino }) => ino)).size, 1);
  for (const { mode, nlink } of files) assert.deepEqual([mode & 0o7777, nlink], [0o755, 3]);
  assert.deepEqual(readFileSync(join(directory, "bridge")), readFileSync(join(self.folder, "self")));
  for (const path of ["opt", "opt/cni", "opt/cni/bin"])
    assert.equal(statSync(join(self.folder, path)).mode & 0o777, 0o755);
});

test("copies are files of their own, also where hard links were", (t) => {
  const self = selfFor(t);
  const directory = folderFor(t);
  install(self, { ...all, directory });
  const copies = { ...all, directory, copies: true };
  assert.deepEqual(done(install(self, copies)), ["written", "written", "written"]);
  for (const name of linked.plugins) assert.equal(lstatSync(join(directory, name)).nlink, 1);
  assert.deepEqual(done(install(self, copies)), ["in place", "in place", "in place"]);
  assert.deepEqual(done(install(self, { ...all, directory })), ["in place", "linked", "linked"]);
  assert.equal(lstatSync(join(directory, "bridge")).nlink, 3);
});

test("what is in place stays the same file, and what is missing is linked to it", (t) => {
  const self = selfFor(t);
  const directory = folderFor(t);
  install(self, { ...all, directory, names: ["portmap"] });
  const { ino } = lstatSync(join(directory, "portmap"));
  assert.deepEqual(done(install(self, { ...all, directory })), ["linked", "in place", "linked"]);
  for (const name of linked.plugins) assert.equal(lstatSync(join(directory, name)).ino, ino);
});

test("another mode, owner, length or content is replaced", (t) => {
  const self = selfFor(t);
  const directory = folderFor(t);
  const path = join(directory, "bridge");
  const options = { ...all, directory, names: ["bridge"] };
  install(self, options);
  const changes = [
    () => chmodSync(path, 0o700),
    () => writeFileSync(path, "x"),
    () => writeFileSync(path, readFileSync(path).fill(1, 1000, 1001)),
  ];
  for (const change of changes) {
    change();
    assert.deepEqual(done(install(self, options)), ["written"]);
    assert.deepEqual(readFileSync(path), readFileSync(join(self.folder, "self")));
    assert.deepEqual(done(install(self, options)), ["in place"]);
  }
});

test("links and others' files are replaced, not written to", (t) => {
  const self = selfFor(t);
  const directory = folderFor(t);
  const other = join(self.folder, "other");
  writeFileSync(other, "another's");
  symlinkSync(other, join(directory, "bridge"));
  symlinkSync("nowhere", join(directory, "portmap"));
  writeFileSync(join(directory, "tuning"), "another's");
  install(self, { ...all, directory });
  for (const name of linked.plugins) assert.ok(lstatSync(join(directory, name)).isFile());
  assert.equal(readFileSync(other, "utf8"), "another's");
});

test("a directory by way of a symbolic link", (t) => {
  const self = selfFor(t);
  const directory = folderFor(t);
  symlinkSync(directory, join(self.folder, "link"));
  install(self, { ...all, directory: join(self.folder, "link") });
  assert.deepEqual(readdirSync(directory).sort(), [...linked.plugins]);
});

test("without update only what is missing is written; a link that leads nowhere is", (t) => {
  const self = selfFor(t);
  const directory = folderFor(t);
  writeFileSync(join(directory, "bridge"), "another's");
  symlinkSync("nowhere", join(directory, "portmap"));
  const report = install(self, { ...all, directory, update: false });
  assert.deepEqual(done(report), ["kept", "written", "linked"]);
  assert.equal(readFileSync(join(directory, "bridge"), "utf8"), "another's");
});

test("leftovers of an installation that was killed go, those of others stay", (t) => {
  const self = selfFor(t);
  const directory = folderFor(t);
  const others = [".bridge.new", ".flannel.new-0123456789abcdef", "notes"];
  for (const name of [...others, ".bridge.new-0123456789abcdef"]) writeFileSync(join(directory, name), "");
  install(self, { ...all, directory, names: ["tuning"] });
  assert.deepEqual(readdirSync(directory).sort(), [...others, "tuning"].sort());
});

test("a failure leaves everything as it was", (t) => {
  const self = selfFor(t);
  const directory = folderFor(t);
  mkdirSync(join(directory, "tuning"));
  assert.throws(() => install(self, { ...all, directory }), /tuning is a directory/);
  assert.deepEqual(readdirSync(directory), ["tuning"]);
  writeFileSync(join(self.folder, "file"), "");
  const file = { ...all, directory: join(self.folder, "file") };
  assert.throws(() => install(self, file), /a file is in the way of the directory /);
  const below = { ...all, directory: join(self.folder, "file/below") };
  assert.throws(() => install(self, below), /a file is in the way of the directory /);
});

test("directories that were made for nothing go again", (t) => {
  const self = selfFor(t);
  const directory = join(self.folder, "a/b");
  // Longer than a file's name may be.
  const names = ["x".repeat(240)];
  assert.throws(() => install(self, { ...all, directory, names }), /ENAMETOOLONG/);
  assert.ok(!existsSync(join(self.folder, "a")));
});

test("a damaged executable does not install itself, nor does what is none of ours", (t) => {
  const folder = folderFor(t);
  const path = join(folder, "self");
  writeOurs(path, linked);
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill(0, 1000, bytes.length / 2));
  assert.throws(() => openSelf(path), /damaged/);
  assert.throws(() => openSelf("/bin/true"), /no executable of these plugins/);
});
