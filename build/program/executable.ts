import { createHash } from "node:crypto";
import {
  appendFileSync,
  closeSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import pkgSea from "@yao-pkg/pkg/lib-es5/sea.js";
import { lazy } from "../../shared/basics/lazy.ts";
import { formatAbout } from "../../shared/executable/about.ts";
import { encodeSparse } from "../../shared/executable/sparse-file.ts";
import { checkSamples, formatStamp, stampLength } from "../../shared/executable/stamp.ts";
import { ADDON_ASSET } from "../../shared/linux/koffi.ts";
import {
  canLinkAddon,
  koffiAddon,
  pinnedNode,
  type SnapshotNode,
  v8Flags,
  writeBaseBinary,
} from "../node/binary.ts";
import { failureIn } from "../node/guards.ts";
import { withoutTrampolines } from "../node/koffi-addon.ts";
import { linkedFile } from "../node/linked-file.ts";
import { blobOf, notesOf } from "../node/sea-blob.ts";
import type { SnapshotInput } from "../node/snapshot-scripts.ts";
import { buildInfo } from "./build-info.ts";
import { type BuiltInSource, bundle, bundleAsWritten, bundleForSnapshot } from "./bundle.ts";
import type { ColdFunctions } from "./cold-functions.ts";
import type { Script } from "./script.ts";
import { snapshotFailure } from "./snapshot-failure.ts";
import { snapshotInput } from "./snapshot-input.ts";

/** A program that only needs shared/runtime, Node and koffi's addon. */
export interface Program {
  /** The main module. */
  entry: string;
  /** The functions that are not to be compiled beforehand: see profile.ts. */
  cold?: ColdFunctions | "all" | undefined;
  /** A plugin whose code it has inside, to save a process: see shared/cni/built-in.ts. */
  builtIn?: { main: string; module: string } | undefined;
}

/** Another program in an executable, which it is by a name. */
export interface Besides {
  readonly name: string;
  readonly program: Program;
}

interface Executable extends Program {
  /** Where the executable goes; replaced by rename, so a running one never breaks. */
  output: string;
  /** The Node to put the program into: see node/binary.ts. */
  node: SnapshotNode;
  /** Flags for V8 besides those of every executable. */
  flags?: readonly string[];
  besides?: Besides;
}

/** Packs a program into one file that needs nothing beside it. Returns the program's bundle. */
export async function buildExecutable({
  entry,
  output,
  node,
  cold,
  builtIn,
  flags = [],
  besides,
}: Executable): Promise<Script> {
  const { program, inside, identity } = await programText({ entry, builtIn }, (part) =>
    identityOf([node.binary, part]),
  );
  const options = { folder: dirname(output), flags };
  const blob = await programBlob(node, { script: program, entry, cold, inside }, options);
  const file =
    besides === undefined
      ? node.slim.file(notesOf([blob], node.slim.end))
      : linkedFile(node.slim, [besides.name], [await blobBesides(node, besides.program, options), blob]);
  write(output, file, identity, [basename(output)]);
  return program;
}

/** Blobs of programs that are in several executables, by the Node that made them. */
const blobsBesides = new WeakMap<SnapshotNode, WeakMap<Program, Promise<Buffer>>>();

/** The blob of a program that is in several executables: made once. */
function blobBesides(node: SnapshotNode, program: Program, options: BlobOptions): Promise<Buffer> {
  const { entry, cold } = program;
  const make = async (): Promise<Buffer> =>
    programBlob(node, { script: await bundleForSnapshot(entry), entry, cold }, options);
  const ofNode = blobsBesides.get(node) ?? new WeakMap<Program, Promise<Buffer>>();
  const found = ofNode.get(program) ?? make();
  blobsBesides.set(node, ofNode.set(program, found));
  return found;
}

export interface LinkedExecutable {
  /** Where it goes, under the name of each program. */
  folder: string;
  node: SnapshotNode;
  programs: ReadonlyMap<string, Program>;
  /** What it is under any other name. */
  otherwise: Program;
}

/** Packs several programs into one file, which is each of them by another name: hard links to it. */
export async function buildLinkedExecutable({
  folder,
  node,
  programs,
  otherwise,
}: LinkedExecutable): Promise<void> {
  const all = [...programs.values(), otherwise];
  const scripts = await Promise.all(all.map(({ entry }) => bundleForSnapshot(entry)));
  const identity = identityOf([node.binary, ...programs.keys(), ...scripts.map(({ text }) => text)]);
  const blobs: Buffer[] = [];
  for (const [index, { entry, cold, builtIn }] of all.entries()) {
    const inside = builtIn && { module: builtIn.module, identity, isByName: true };
    const alone = inside === undefined ? scripts[index] : undefined;
    const script = alone ?? (await bundleForSnapshot(entry, inside));
    blobs.push(await programBlob(node, { script, entry, cold, inside }, { folder, flags: [] }));
  }
  const names = [...programs.keys()];
  const [first = "", ...others] = names;
  write(join(folder, first), linkedFile(node.slim, names, blobs), identity, names);
  for (const name of others) {
    const link = join(folder, `.${name}-${process.pid}`);
    linkSync(join(folder, first), link);
    renameSync(link, join(folder, name));
  }
}

/** Packs a program with the whole of the pinned Node, without its symbols. */
export async function buildNodeExecutable({
  entry,
  output,
}: Pick<Executable, "entry" | "output">): Promise<void> {
  const main = await bundle(entry);
  const identity = identityOf([readFileSync(pinnedNode), main]);
  const options = { folder: dirname(output), flags: v8Flags, start: "script" } as const;
  write(output, await pack(main, writeBaseBinary, options), identity, []);
}

/**
 * Packs a program with the pinned Node exactly as it was published, its library and a code cache, for whoever cannot
 * accept a changed one. It has no other program inside.
 */
export async function buildStockExecutable({
  entry,
  output,
}: Pick<Executable, "entry" | "output">): Promise<void> {
  const node = readFileSync(pinnedNode);
  const main = await bundle(entry);
  const writeBase = (path: string): void => writeFileSync(path, node, { mode: 0o755 });
  const options = { folder: dirname(output), flags: [], start: "code cache" } as const;
  write(output, await pack(main, writeBase, options), identityOf([node, main]), [basename(output)]);
}

interface ProgramText {
  program: Script;
  inside: BuiltInSource | undefined;
  identity: string;
}

/** The bundle of a program, and its identity. `identify` makes an identity of what an executable is made of. */
export async function programText(
  { entry, builtIn }: Program,
  identify: (text: string) => string,
): Promise<ProgramText> {
  const inside =
    builtIn === undefined
      ? undefined
      : { module: builtIn.module, identity: identify((await bundleForSnapshot(builtIn.main)).text) };
  const program = await bundleForSnapshot(entry, inside);
  return { program, inside, identity: identify(program.text) };
}

const addonAsset = lazy(() => encodeSparse(withoutTrampolines(readFileSync(koffiAddon))));

/** What decides what an executable does. What V8 makes of it is left out: that may differ each time. */
function identityOf(parts: readonly (Uint8Array | string)[]): string {
  const all = [...parts, addonAsset(), JSON.stringify({ settings, v8Flags })];
  const hashes = all.map((part) => createHash("sha256").update(part).digest("hex"));
  return createHash("sha256").update(hashes.join()).digest("hex");
}

/**
 * Writes an executable in one go, as an installation does it: a file that was patched together starts 2 ms later, because
 * the page cache holds it in small pieces. Its end are two lines: see shared/executable/about.ts and stamp.ts.
 *
 * @param plugins what it is, by its names.
 */
function write(output: string, bytes: Buffer, identity: string, plugins: readonly string[]): void {
  const work = join(dirname(output), `.${basename(output)}-${process.pid}`);
  const { version, commit } = buildInfo([]);
  const about = formatAbout({ version, commit, plugins });
  const length = bytes.length + Buffer.byteLength(about);
  writeFileSync(work, bytes, { mode: 0o755 });
  appendFileSync(work, about);
  const fd = openSync(work, "r");
  const samples = checkSamples(fd, length);
  closeSync(fd);
  appendFileSync(work, formatStamp({ identity, size: length + stampLength, samples }));
  renameSync(work, output);
}

/** Everything about the package that is neither a file nor a place. */
const settings = {
  disableExperimentalSEAWarning: true,
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
};

interface PackOptions {
  /** Where it works, in a folder that it makes. */
  folder: string;
  flags: readonly string[];
  /** What an executable starts from. */
  start: "snapshot" | "code cache" | "script";
}

type BlobOptions = Omit<PackOptions, "start">;

/** Whether koffi's addon is an asset of the executable. The conformance suite does without. */
const needsAsset = { snapshot: !canLinkAddon, "code cache": true, script: false };

/** A program and its bundle. */
interface BundledProgram extends Pick<Program, "entry" | "cold"> {
  readonly script: Script;
  readonly inside?: BuiltInSource | undefined;
}

/**
 * The blob with a snapshot of a program: what pkg puts into an executable. When the program's modules fail, throws an
 * error that tells the place in the sources, for which it evaluates the program as it was written.
 */
async function programBlob(
  node: SnapshotNode,
  { script, entry, cold, inside }: BundledProgram,
  { folder, flags }: BlobOptions,
): Promise<Buffer> {
  const writeBase = (path: string): void => writeFileSync(path, node.binary, { mode: 0o755 });
  const options = { folder, flags: [...v8Flags, ...flags], start: "snapshot" } as const;
  const blob = async (from: SnapshotInput): Promise<Buffer> =>
    blobOf(await pack(JSON.stringify(from), writeBase, options));
  try {
    return await blob(snapshotInput(script, cold));
  } catch (error) {
    if (failureIn(String(error)) === undefined) throw error;
    const written = await bundleAsWritten(entry, inside);
    const told = await blob({ ...snapshotInput(written, "all"), frames: 100 }).catch(String);
    const failure = failureIn(String(told));
    throw failure === undefined ? error : new Error(snapshotFailure(failure, written));
  }
}

/**
 * Runs pkg in SEA mode and returns its executable. Its command line cannot take a given Node binary in this mode, its sea
 * module can.
 *
 * @param main the text of the main script, or what a snapshot is made from.
 */
async function pack(
  main: string,
  writeBase: (path: string) => void,
  { folder, flags, start }: PackOptions,
): Promise<Buffer> {
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(folder, ".pack-"));
  const { TMPDIR, NODE_OPTIONS } = process.env;
  try {
    const script = join(work, "main");
    writeFileSync(script, main);
    const addon = join(work, "addon");
    writeFileSync(addon, addonAsset());
    const base = join(work, "node");
    writeBase(base);
    const packed = join(work, "packed");
    process.env["TMPDIR"] = work;
    delete process.env["NODE_OPTIONS"];
    const seaConfig = {
      // pkg works in a folder of its own, which it makes in TMPDIR. A path relative to that folder keeps the name
      // of the build's folder out of the executable.
      main: `../${basename(script)}`,
      ...settings,
      execArgv: [...settings.execArgv, ...flags],
      useSnapshot: start === "snapshot",
      useCodeCache: start === "code cache",
      assets: needsAsset[start] ? { [ADDON_ASSET]: addon } : {},
    };
    await pkgSea.default(script, {
      nodePath: base,
      seaConfig,
      targets: [{ platform: "linux", arch: process.arch, nodeRange: "node24", output: packed }],
    });
    return readFileSync(packed);
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
