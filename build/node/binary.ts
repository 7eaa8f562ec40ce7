import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { linkAddon } from "./addon.ts";
import { applyChanges } from "./apply.ts";
import { changes, changesForBuilding } from "./changes.ts";
import { mapped, symbolsOf } from "./elf.ts";
import { withoutTrampolines } from "./koffi-addon.ts";
import { replaceScript, scriptsOf } from "./scripts.ts";
import { seaFuse } from "./sea-blob.ts";
import { endOf, type SlimNode, slimNode } from "./slim.ts";
import { snapshotScripts } from "./snapshot-scripts.ts";
import { touchedRanges } from "./touched-pages.ts";
import { unusedData } from "./unused-data.ts";

const root = join(import.meta.dirname, "../..");

/**
 * The pinned Node binary; the lock file's hash is what vouches for it. Its exact version is in package.json. Tests take
 * another one when node-changes.ts tries it.
 */
export const pinnedNode =
  process.env["CNI_PLUGINS_NODE"] ?? join(root, `node_modules/node-linux-${process.arch}/bin/node`);

/** koffi's prebuilt addon for glibc. */
export const koffiAddon = join(
  root,
  `node_modules/@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`,
);

/**
 * How V8 runs in an executable: for a life of a few milliseconds, nearly all of it code that runs once. None of them
 * changes what V8 compiles to: changes.ts relies on it.
 */
export const v8Flags: readonly string[] = [
  // V8's start-up snapshot keeps its hash seed, which saves hashing all of it anew. With a seed that is known, somebody
  // could make an object with keys that collide; but what a plugin reads comes from root.
  "--no-rehash-snapshot",
  // Nothing in the background: no call lives long enough to gain from it.
  "--single-threaded",
  // Nor from compiling what ran often into machine code, and nothing makes memory executable then: systemd's
  // MemoryDenyWriteExecute= is kept to, and 128 MB less of address space are needed.
  "--jitless",
  // What a call allocates fits in, so that nearly none collects garbage: with V8's 1 MB each did once, for up to 2 ms.
  "--min-semi-space-size=2",
];

/** Whether koffi's addon becomes a part of the program. Elsewhere it is an asset, which each call writes to a file. */
export const canLinkAddon = process.arch === "x64";

/** Node's binary in the two forms that executables are made with. */
export interface SnapshotNode {
  /** It makes snapshots of plugins: pkg runs it. */
  readonly binary: Buffer;
  /** What runs them. */
  readonly slim: SlimNode;
}

/**
 * A Node, the pinned one unless another is named, with changes.ts, and snapshot-scripts.ts in place of Node's own scripts: it makes snapshots of plugins
 * and runs them, and nothing else.
 */
export function snapshotNode(path = pinnedNode): SnapshotNode {
  const published = readFileSync(path);
  const scripts = scriptsOf(path);
  const symbols = symbolsOf(published);
  const unused = unusedData(published, symbols, scripts);
  const touched = touchedRanges(published, process.arch === "arm64" ? "arm64" : "x64");

  const running = Buffer.from(published);
  for (const missing of applyChanges(running, symbols, changes)) {
    console.log(`notice: executables will start later, since this Node cannot be changed: ${missing}`);
  }
  running.write("1", running.indexOf(`${seaFuse}0`, 0, "latin1") + seaFuse.length, "latin1");

  const addon = canLinkAddon
    ? linkAddon(running, symbols, withoutTrampolines(readFileSync(koffiAddon)), endOf(running))
    : undefined;
  for (const { address, bytes } of addon?.calls ?? []) bytes.copy(running, mapped(running, address) ?? 0);

  const binary = published;
  const common = changes.filter(({ onlyInExecutables = false }) => !onlyInExecutables);
  for (const missing of applyChanges(binary, symbols, [...common, ...changesForBuilding])) {
    if (missing.startsWith("fixed-seed")) console.log(`notice: two builds will differ: ${missing}`);
  }
  for (const [name, text] of Object.entries(snapshotScripts)) {
    replaceScript(binary, name, scripts[name], text);
  }
  return { binary, slim: slimNode(running, unused, touched, addon) };
}

/**
 * Writes a copy of the pinned Node binary as it is, without symbols and debugging sections: 22 MB less. Without `strip`
 * (binutils) it keeps them, and a notice says so.
 */
export function writeBaseBinary(path: string): void {
  copyFileSync(pinnedNode, path);
  const strip = spawnSync("strip", [path], { encoding: "utf8" });
  if (strip.status === 0) return;
  const reason = strip.error === undefined ? strip.stderr.trim() : "no `strip` here (package binutils)";
  console.log(`notice: the executable will be about 22 MB larger: ${reason}`);
}
