/** For tests: machine code of the texts that stand beside it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Architecture } from "./elf.ts";

/** Debian's names of the tools of binutils for each architecture. */
const prefixes: Readonly<Record<Architecture, string>> = {
  x64: "x86_64-linux-gnu-",
  arm64: "aarch64-linux-gnu-",
};

/** What binutils' assembler makes of a text, as hex. */
export function assembled(t: TestContext, architecture: Architecture, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "assembled-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [source, object, binary] = [join(folder, "code.s"), join(folder, "code.o"), join(folder, "code.bin")];
  writeFileSync(source, text);
  const run = (tool: string, ...args: string[]): void => {
    const { status, stderr } = spawnSync(`${prefixes[architecture]}${tool}`, args, { encoding: "utf8" });
    assert.equal(status, 0, stderr);
  };
  run("as", ...(architecture === "arm64" ? ["-march=armv8.5-a"] : []), source, "-o", object);
  run("objcopy", "-O", "binary", "-j", ".text", object, binary);
  return readFileSync(binary).toString("hex");
}
