import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import pkgSea from "@yao-pkg/pkg/lib-es5/sea.js";
import { bundle } from "./bundle.ts";
import { asFunction, writeCodeCache } from "./compile.ts";
import { koffiAddon } from "./runtime.ts";

export interface Executable {
  /** The program's main module. */
  entry: string;
  /** Where the executable goes; replaced by rename, so a running one never breaks. */
  output: string;
  /** The Node binary to put the program into. */
  base: string;
}

/** Packs a program, Node and koffi's addon into one file that needs nothing beside it. */
export async function buildExecutable({ entry, output, base }: Executable): Promise<void> {
  mkdirSync(dirname(output), { recursive: true });
  const work = mkdtempSync(join(dirname(output), `.${basename(output)}-`));
  try {
    const loader = join(work, "loader.cjs");
    const program = join(work, "program.js");
    const cache = join(work, "program.cache");
    writeFileSync(loader, await bundle(join(import.meta.dirname, "loader.ts")));
    writeFileSync(program, asFunction(await bundle(entry)));
    writeCodeCache(program, cache);
    const packed = join(work, "packed");
    await pack({ loader, assets: { "program.js": program, "program.cache": cache }, base, packed, work });
    chmodSync(packed, 0o755);
    // A copy, as an installation makes one: a file just patched together by pkg starts 2 ms later than a file
    // written in one go, because the page cache holds it in small pieces.
    const copy = join(work, "copy");
    copyFileSync(packed, copy);
    renameSync(copy, output);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

interface Package {
  loader: string;
  assets: Record<string, string>;
  base: string;
  packed: string;
  work: string;
}

/** Runs pkg in SEA mode. Its command line cannot take a given Node binary in this mode, its sea module can. */
async function pack({ loader, assets, base, packed, work }: Package): Promise<void> {
  const seaConfig = {
    // pkg works in a folder of its own, which it makes in TMPDIR. A path relative to that folder keeps the name of
    // the build's folder out of the executable.
    main: `../${basename(loader)}`,
    disableExperimentalSEAWarning: true,
    useSnapshot: false,
    // loader.ts brings its own code cache, and says why.
    useCodeCache: false,
    // Nothing from NODE_OPTIONS may reach a plugin.
    execArgvExtension: "none",
    execArgv: [
      // Without this, SIGUSR1 would open a debugger's port on the host.
      "--disable-sigusr1",
      // Nor may a proxy in the environment have Node load its HTTP client, or fail on an address it cannot read.
      "--no-use-env-proxy",
      // One helper thread instead of four: a plugin never has work for more.
      "--v8-pool-size=1",
    ],
    assets: { ...assets, "koffi.node": koffiAddon },
  };
  const { TMPDIR, NODE_OPTIONS } = process.env;
  process.env["TMPDIR"] = work;
  delete process.env["NODE_OPTIONS"];
  try {
    await pkgSea.default(loader, {
      nodePath: base,
      seaConfig,
      targets: [{ platform: "linux", arch: process.arch, nodeRange: "node24", output: packed }],
    });
  } finally {
    restore("TMPDIR", TMPDIR);
    restore("NODE_OPTIONS", NODE_OPTIONS);
  }
}

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
