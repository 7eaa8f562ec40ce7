import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { canLinkAddon, snapshotNode } from "../node/binary.ts";
import { buildExecutable, buildStockExecutable } from "./executable.ts";

const linux = join(import.meta.dirname, "../../shared/linux");
const source = `
import { readlinkSync, writeSync } from "node:fs";
import { atStart } from ${JSON.stringify(join(linux, "../executable/at-start.ts"))};
import { errno, libc } from ${JSON.stringify(join(linux, "koffi.ts"))};
atStart(() => {
  try {
    const self = readlinkSync("/proc/self");
    if (String(libc().func("int getpid()")()) !== self) writeSync(1, "not ");
    if (libc().func("int close(int fd)")(-1) !== -1 || errno() !== 9) writeSync(1, "not ");
    try {
      libc().func("int no_such_function()");
    } catch (error) {
      if (error.message.startsWith("Cannot find function 'no_such_function'")) writeSync(1, "loaded");
    }
  } catch (error) {
    writeSync(1, error.message + "|" + error.advice);
  }
});
`;

/**
 * Runs `program` of folder $1 in a mount namespace where that folder is /mnt, read-only if $2 says so, and the other
 * places are noexec.
 */
const script = `
folder=$1; readonly=$2; shift 2
mount --make-rprivate / && mount --bind "$folder" /mnt || exit 3
if [ "$readonly" ]; then mount -o remount,bind,ro /mnt || exit 3; fi
for place in "$@"; do mount -t tmpfs -o noexec none "$place" || exit 3; done
exec /mnt/program
`;

describe("where /dev/shm, /run and /tmp are noexec", () => {
  let folder = "";

  before(async () => {
    const dist = join(import.meta.dirname, "../../dist");
    mkdirSync(dist, { recursive: true });
    folder = mkdtempSync(join(dist, ".test-"));
    const entry = join(folder, "main.ts");
    writeFileSync(entry, source);
    for (const kind of ["linked", "file"]) mkdirSync(join(folder, kind));
    if (canLinkAddon)
      await buildExecutable({ entry, output: join(folder, "linked/program"), node: snapshotNode() });
    await buildStockExecutable({ entry, output: join(folder, "file/program") });
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  const start = (kind: "linked" | "file", readonly: "" | "read-only") => {
    const places = ["/dev/shm", "/run", "/tmp"];
    const args = ["--mount", "sh", "-c", script, "sh", join(folder, kind), readonly, ...places];
    const { status, stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8" });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    return stdout;
  };

  test("the native part needs no file, even where none can be made", { skip: !canLinkAddon }, () => {
    assert.equal(start("linked", "read-only"), "loaded");
  });

  test("with Node as published, its file lies in the executable's own folder", () => {
    assert.equal(start("file", ""), "loaded");
  });

  test("or the executable says what stood against each place and what to do", () => {
    const [message, advice] = start("file", "read-only").split("|");
    const noexec = "failed to map segment from shared object";
    assert.equal(
      message,
      "cannot load the native part of this executable: " +
        `/dev/shm: ${noexec}; /mnt: EROFS; /run: ${noexec}; /tmp: ${noexec}`,
    );
    assert.match(advice ?? "", /noexec/);
  });
});
