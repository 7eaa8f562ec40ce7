import { createHash } from "node:crypto";
import {
  appendFileSync,
  closeSync,
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
import { lazy } from "../shared/errors/lazy.ts";
import { ADDON_ASSET } from "../shared/linux/koffi.ts";
import { encodeSparse } from "../shared/linux/sparse-file.ts";
import { checkSamples, formatStamp, stampLength } from "../shared/linux/stamp.ts";
import { bundle, bundleForSnapshot } from "./bundle.ts";
import { withoutTrampolines } from "./koffi-addon.ts";
import { koffiAddon, pinnedNode, type SnapshotNode, v8Flags, writeBaseBinary } from "./node/binary.ts";
import { blobAddition, blobOf } from "./node/sea-blob.ts";
import { snapshotInput } from "./snapshot-input.ts";

export interface Executable {
  /** The program's main module. */
  entry: string;
  /** Where the executable goes; replaced by rename, so a running one never breaks. */
  output: string;
  /** The Node to put the program into: see node/binary.ts. */
  node: SnapshotNode;
  /** Hashes of the functions that are not to be compiled beforehand: see profile.ts. */
  cold?: ReadonlySet<string> | "all" | undefined;
  /** A plugin whose code it has inside, to save a process: see shared/cni/built-in.ts. */
  builtIn?: { main: string; module: string } | undefined;
  /** Flags for V8 besides those of every executable. */
  flags?: readonly string[];
}

/**
 * Packs a program that only needs shared/runtime, Node and koffi's addon into one file that needs nothing beside it.
 * Returns the text that V8 knows the program by.
 */
export async function buildExecutable({
  entry,
  output,
  node,
  cold,
  builtIn,
  flags = [],
}: Executable): Promise<string> {
  const { program, identity } = await programText({ entry, builtIn }, (part) =>
    identityOf([node.binary, part]),
  );
  const input = snapshotInput(program, cold);
  const assemble = (packed: Buffer) => node.slim.file(blobAddition(blobOf(packed), node.slim.end));
  await pack({
    main: JSON.stringify(input),
    writeBase: (path) => writeFileSync(path, node.binary, { mode: 0o755 }),
    output,
    identity,
    flags,
    assemble,
  });
  return input.program;
}

/** Packs a program with the whole of the pinned Node. */
export async function buildNodeExecutable({
  entry,
  output,
}: Pick<Executable, "entry" | "output">): Promise<void> {
  const main = await bundle(entry);
  const identity = identityOf([readFileSync(pinnedNode), main]);
  await pack({ main, writeBase: writeBaseBinary, output, identity, flags: [] });
}

interface ProgramText {
  program: string;
  identity: string;
}

/** The bundle of a program, and its identity. `identify` makes an identity of what an executable is made of. */
export async function programText(
  { entry, builtIn }: Pick<Executable, "entry" | "builtIn">,
  identify: (text: string) => string,
): Promise<ProgramText> {
  const inside =
    builtIn === undefined
      ? undefined
      : { module: builtIn.module, identity: identify(await bundleForSnapshot(builtIn.main)) };
  const program = await bundleForSnapshot(entry, inside);
  return { program, identity: identify(program) };
}

const addonAsset = lazy(() => encodeSparse(withoutTrampolines(readFileSync(koffiAddon))));

/** What decides what an executable does. What V8 makes of it is left out: that may differ each time. */
function identityOf(parts: readonly (Uint8Array | string)[]): string {
  const all = [...parts, addonAsset(), JSON.stringify(settings)];
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
  /** The text of the main script, or what a snapshot is made from. */
  main: string;
  /** Writes the Node binary that pkg is to take. */
  writeBase(path: string): void;
  /** Makes an executable that starts from a snapshot of what pkg has made; without it pkg's is the executable. */
  assemble?(packed: Buffer): Buffer;
  output: string;
  identity: string;
  flags: readonly string[];
}

/** Runs pkg in SEA mode. Its command line cannot take a given Node binary in this mode, its sea module can. */
async function pack({ main, writeBase, assemble, output, identity, flags }: Package): Promise<void> {
  mkdirSync(dirname(output), { recursive: true });
  const work = mkdtempSync(join(dirname(output), `.${basename(output)}-`));
  const { TMPDIR, NODE_OPTIONS } = process.env;
  try {
    const script = join(work, "main");
    writeFileSync(script, main);
    const addon = join(work, "addon");
    writeFileSync(addon, addonAsset());
    const base = join(work, "node");
    writeBase(base);
    const packed = join(work, "packed");
    const useSnapshot = assemble !== undefined;
    process.env["TMPDIR"] = work;
    delete process.env["NODE_OPTIONS"];
    const seaConfig = {
      // pkg works in a folder of its own, which it makes in TMPDIR. A path relative to that folder keeps the name
      // of the build's folder out of the executable.
      main: `../${basename(script)}`,
      ...settings,
      execArgv: [...settings.execArgv, ...flags],
      useSnapshot,
      assets: useSnapshot ? { [ADDON_ASSET]: addon } : {},
    };
    await pkgSea.default(script, {
      nodePath: base,
      seaConfig,
      targets: [{ platform: "linux", arch: process.arch, nodeRange: "node24", output: packed }],
    });
    const whole = readFileSync(packed);
    // Written in one go, as an installation does it: a file just patched together by pkg starts 2 ms later, because the
    // page cache holds it in small pieces.
    const file = join(work, "executable");
    writeFileSync(file, assemble?.(whole) ?? whole, { mode: 0o755 });
    stamp(file, identity);
    renameSync(file, output);
  } finally {
    restore("TMPDIR", TMPDIR);
    restore("NODE_OPTIONS", NODE_OPTIONS);
    rmSync(work, { recursive: true, force: true });
  }
}

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}
