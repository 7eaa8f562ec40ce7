import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { buildExecutable } from "./executable.ts";
import { snapshotNode } from "./node/binary.ts";

const linux = join(import.meta.dirname, "../shared/linux");
const source = `
import { writeSync } from "node:fs";
import { atStart } from ${JSON.stringify(join(linux, "at-start.ts"))};
import { libc } from ${JSON.stringify(join(linux, "koffi.ts"))};
atStart(() => {
  try {
    libc().func("int getpid()")();
    writeSync(1, "loaded");
  } catch (error) {
    writeSync(1, error.message + "|" + error.details);
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

describe("an executable finds a place for its native part", () => {
  let folder = "";
  let own = "";

  before(async () => {
    const dist = join(import.meta.dirname, "../dist");
    mkdirSync(dist, { recursive: true });
    folder = mkdtempSync(join(dist, ".test-"));
    own = join(folder, "own");
    mkdirSync(own);
    const entry = join(folder, "main.ts");
    writeFileSync(entry, source);
    const node = snapshotNode();
    await buildExecutable({ entry, output: join(own, "program"), node });
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  const start = (readonly: "" | "read-only") => {
    const places = ["/dev/shm", "/run", "/tmp"];
    const args = ["--mount", "sh", "-c", script, "sh", own, readonly, ...places];
    const { status, stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8" });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: "" });
    return stdout;
  };

  test("in its own folder where /dev/shm, /run and /tmp are noexec", () => {
    assert.equal(start(""), "loaded");
  });

  test("or says what stood against each place and what to do", () => {
    const [message, details] = start("read-only").split("|");
    const noexec = "failed to map segment from shared object";
    assert.equal(
      message,
      "cannot load the native part of this executable: " +
        `/dev/shm: ${noexec}; /mnt: EROFS; /run: ${noexec}; /tmp: ${noexec}`,
    );
    assert.match(details ?? "", /noexec/);
  });
});
