import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import pkgSea from "@yao-pkg/pkg/lib-es5/sea.js";
import { bundle } from "./bundle.ts";
import { koffiAddon } from "./runtime.ts";

export interface Executable {
  /** The program's main module. */
  entry: string;
  /** Where the executable goes; replaced by rename, so a running one never breaks. */
  output: string;
  /** The Node binary to put the program into. */
  base: string;
}

/** Bundles a program and packs it, Node and koffi's addon into one file that needs nothing beside it. */
export async function buildExecutable({ entry, output, base }: Executable): Promise<void> {
  mkdirSync(dirname(output), { recursive: true });
  const name = basename(output);
  const work = mkdtempSync(join(dirname(output), `.${name}-`));
  const temporaryFolder = process.env["TMPDIR"];
  try {
    const script = join(work, `${name}.cjs`);
    writeFileSync(script, await bundle(entry));
    const seaConfig = {
      // pkg works in a folder of its own, which it makes in TMPDIR. A path relative to that folder keeps the name of
      // the build's own folder out of the executable.
      main: `../${name}.cjs`,
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      useCodeCache: true,
      // NODE_OPTIONS of the caller must not reach a plugin.
      execArgvExtension: "none",
      assets: { "koffi.node": koffiAddon },
    };
    process.env["TMPDIR"] = work;
    const packed = join(work, name);
    // pkg's command line cannot take a given Node binary in this mode, its sea module can.
    await pkgSea.default(script, {
      nodePath: base,
      seaConfig,
      targets: [{ platform: "linux", arch: process.arch, nodeRange: "node24", output: packed }],
    });
    chmodSync(packed, 0o755);
    renameSync(packed, output);
  } finally {
    if (temporaryFolder === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = temporaryFolder;
    rmSync(work, { recursive: true, force: true });
  }
}
