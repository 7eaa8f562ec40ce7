import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Architecture } from "./elf.ts";
import { assembly, code, entryPart } from "./entry-code.ts";

/** Debian's names of the tools of binutils for each architecture. */
const prefixes: Readonly<Record<Architecture, string>> = {
  x64: "x86_64-linux-gnu-",
  arm64: "aarch64-linux-gnu-",
};

for (const architecture of ["x64", "arm64"] as const) {
  test(`the code for ${architecture} is what an assembler makes of its text`, (t) => {
    const folder = mkdtempSync(join(tmpdir(), "entry-code-test-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const [source, object, binary] = ["code.s", "code.o", "code.bin"].map((name) => join(folder, name));
    writeFileSync(source ?? "", assembly[architecture]);
    const run = (tool: string, args: readonly (string | undefined)[]): void => {
      const { status, stderr } = spawnSync(
        `${prefixes[architecture]}${tool}`,
        args.map((arg) => arg ?? ""),
        { encoding: "utf8" },
      );
      assert.equal(status, 0, stderr);
    };
    run("as", [...(architecture === "arm64" ? ["-march=armv8.5-a"] : []), source, "-o", object]);
    run("objcopy", ["-O", "binary", "-j", ".text", object, binary]);
    assert.equal(readFileSync(binary ?? "").toString("hex"), code[architecture]);
  });
}

test("a name that would not fit is refused", () => {
  const otherwise = { address: 0, size: 0 };
  const programs = [{ name: "a".repeat(32), ...otherwise }];
  const places = { architecture: "x64", address: 0, nodeEntry: 0, noteHeader: 64 } as const;
  assert.throws(() => entryPart({ ...places, programs, otherwise }), /longer than 31/);
});
