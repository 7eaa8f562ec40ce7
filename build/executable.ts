import { createHash } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import pkgSea from "@yao-pkg/pkg/lib-es5/sea.js";
import { cacheName, usualCommands } from "../shared/linux/code-cache.ts";
import { checkSamples, formatStamp, stampLength } from "../shared/linux/stamp.ts";
import { bundle, bundleWithBuiltIn } from "./bundle.ts";
import { asBuiltIn, asFunction, coldFunctions, writeCodeCache } from "./compile.ts";
import { koffiAddon, v8Flags } from "./runtime.ts";

export interface Executable {
  /** The program's main module. */
  entry: string;
  /** Where the executable goes; replaced by rename, so a running one never breaks. */
  output: string;
  /** The Node binary to put the program into. */
  base: string;
  /** The plugin that it is, if it is one: see profile.ts. */
  plugin?: string | undefined;
  /** A plugin whose code it has inside, to save a process: see shared/cni/built-in.ts. */
  builtIn?: { name: string; main: string; module: string } | undefined;
}

/** Packs a program, Node and koffi's addon into one file that needs nothing beside it. */
export async function buildExecutable({ entry, output, base, plugin, builtIn }: Executable): Promise<void> {
  mkdirSync(dirname(output), { recursive: true });
  const work = mkdtempSync(join(dirname(output), `.${basename(output)}-`));
  try {
    const loader = join(work, "loader.cjs");
    const program = join(work, "program.js");
    const loaderText = await bundle(join(import.meta.dirname, "loader.ts"));
    const assets: Record<string, string> = { "program.js": program };
    const text = await programText({ entry, builtIn }, (part) =>
      identity([readFileSync(base), loaderText, part]),
    );
    if (text.builtIn !== undefined) {
      const { name, script } = text.builtIn;
      const file = join(work, `${name}.js`);
      writeFileSync(file, asBuiltIn(script));
      Object.assign(assets, { [`${name}.js`]: file }, codeCaches(base, file, name));
    }
    writeFileSync(loader, loaderText);
    writeFileSync(program, asFunction(text.program));
    Object.assign(assets, codeCaches(base, program, plugin));
    const packed = join(work, "packed");
    await pack({ loader, assets, base, packed, work });
    stamp(packed, text.identity);
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

/** Writes the code caches of a script beside it, for each usual command and for the others. Returns them by name. */
function codeCaches(base: string, script: string, plugin: string | undefined): Record<string, string> {
  const names: Record<string, string> = {};
  for (const command of [undefined, ...usualCommands]) {
    const name = cacheName(basename(script, ".js"), command);
    const file = join(dirname(script), name);
    writeCodeCache(base, script, file, plugin === undefined ? undefined : coldFunctions(plugin, command));
    names[name] = file;
  }
  return names;
}

interface ProgramText {
  program: string;
  identity: string;
  builtIn?: { name: string; script: string };
}

/**
 * The text of a program and that of the plugin within, neither compiled nor wrapped. `identify` makes an identity of
 * what an executable is made of.
 */
export async function programText(
  { entry, builtIn }: Pick<Executable, "entry" | "builtIn">,
  identify: (text: string) => string,
): Promise<ProgramText> {
  if (builtIn === undefined) {
    const program = await bundle(entry);
    return { program, identity: identify(program) };
  }
  const { name, main, module } = builtIn;
  const outside = await bundle(main);
  const both = await bundleWithBuiltIn(entry, name, { module, identity: identify(outside) });
  if ((await bundle(main)) !== outside) throw new Error(`the sources of ${name} changed during the build`);
  return {
    program: both.program,
    identity: identify(`${both.program}${both.builtIn}`),
    builtIn: { name, script: both.builtIn },
  };
}

/** What decides what an executable does. V8's code cache is left out: it only saves time, and may differ each time. */
function identity(parts: readonly (Uint8Array | string)[]): string {
  const all = [...parts, readFileSync(koffiAddon), JSON.stringify(settings)];
  const hashes = all.map((part) => createHash("sha256").update(part).digest("hex"));
  return createHash("sha256").update(hashes.join()).digest("hex");
}

/** Puts the stamp behind the end: see shared/linux/stamp.ts. */
function stamp(file: string, identity: string): void {
  const { size } = statSync(file);
  const fd = openSync(file, "r");
  const samples = checkSamples(fd, size);
  closeSync(fd);
  appendFileSync(file, formatStamp({ identity, size: size + stampLength, samples }));
}

/** Everything about the package that is neither a file nor a place. */
const settings = {
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
    ...v8Flags,
  ],
};

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
    ...settings,
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
