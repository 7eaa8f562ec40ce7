/**
 * Data of Node's binary that nothing can reach in an executable that starts from a snapshot of its own: half of the
 * file. They are left out of executables; what would read them anyway finds zeros.
 */
import type { ElfSymbol } from "./elf.ts";

/** Bytes of a file, from `start` to before `end`. */
export interface FileRange {
  readonly what: string;
  readonly start: number;
  readonly end: number;
}

/**
 * What is left out. Throws when something is not found: the next Node may have it in another way.
 *
 * @param scripts Node's scripts by name, as it was published.
 */
export function unusedData(
  elf: Buffer,
  symbols: ReadonlyMap<string, ElfSymbol>,
  scripts: Readonly<Record<string, unknown>>,
): readonly FileRange[] {
  return [icuData(symbols), v8Snapshot(symbols), ...scriptRanges(elf, scripts), ownSnapshot(elf, symbols)];
}

/** Data of all languages and time zones: no plugin uses `Intl`, and a rule of biome.json refuses what would need them. */
function icuData(symbols: ReadonlyMap<string, ElfSymbol>): FileRange {
  for (const { name, offset, size } of symbols.values()) {
    if (/^icudt\d+_dat$/.test(name)) return { what: "ICU's data", start: offset, end: offset + size };
  }
  throw new Error("this Node has no data of ICU under the name icudtNN_dat");
}

/** V8's own snapshot (v8/src/snapshot/mksnapshot.cc writes it), for programs that bring none. */
function v8Snapshot(symbols: ReadonlyMap<string, ElfSymbol>): FileRange {
  const found = symbols.get("_ZN2v88internalL9blob_dataE");
  if (found === undefined) throw new Error("this Node has no v8::internal::blob_data");
  return { what: "V8's own snapshot", start: found.offset, end: found.offset + found.size };
}

/** Runs of scripts that lie together. An executable has evaluated its own when it was built. */
function scriptRanges(elf: Buffer, scripts: Readonly<Record<string, unknown>>): FileRange[] {
  let last = 0;
  const places = Object.entries(scripts).flatMap(([name, text]) => {
    // Shorter ones may be elsewhere too.
    if (typeof text !== "string" || text.length < 64) return [];
    const isLatin1 = !/[^\0-\xff]/.test(text);
    const bytes = Buffer.from(text, isLatin1 ? "latin1" : "utf16le");
    // They lie nearly in this order, and the file is long.
    const near = elf.subarray(0, last + (16 << 20)).indexOf(bytes, last);
    const start = near === -1 ? elf.indexOf(bytes) : near;
    if (start === -1) throw new Error(`the script ${name} is not in this Node binary`);
    last = start + bytes.length;
    return [{ start, end: last }];
  });
  const runs: { start: number; end: number }[] = [];
  for (const { start, end } of places.sort((a, b) => a.start - b.start)) {
    const run = runs.at(-1);
    if (run !== undefined && start - run.end < maxGap) run.end = Math.max(run.end, end);
    else runs.push({ start, end });
  }
  return runs.map((run) => ({ what: "Node's scripts", ...run }));
}

/** Between two scripts there is what aligns them, or one that is too short to be looked for. */
const maxGap = 160;

// v8/src/snapshot/code-serializer.h, SerializedCodeData: the magic number, five more words, the payload's length
const codeCacheMagic = 0xc0de;
const payloadLengthAt = 20;
const codeCacheHeader = 32;

/**
 * Node's own snapshot and the code caches of its scripts, which one generated file has one after the other: from V8's
 * version in the snapshot's header to the last code cache. No symbol lies between.
 */
function ownSnapshot(elf: Buffer, symbols: ReadonlyMap<string, ElfSymbol>): FileRange {
  const borders = [...symbols.values()].map(({ offset }) => offset).sort((a, b) => a - b);
  for (const { index } of elf.toString("latin1").matchAll(/\d+\.\d+\.\d+\.\d+-node\.\d+\0/g)) {
    const border = borders.find((place) => place > index) ?? elf.length;
    if (border - index < 1 << 20) continue;
    return { what: "Node's own snapshot", start: index, end: lastCodeCache(elf, index, border) };
  }
  throw new Error("this Node's own snapshot is not found");
}

/** Where the last code cache before `end` ends. */
function lastCodeCache(elf: Buffer, start: number, end: number): number {
  for (let at = end - codeCacheHeader; at > start; at--) {
    if (elf.readUInt16LE(at + 2) !== codeCacheMagic) continue;
    const last = at + codeCacheHeader + elf.readUInt32LE(at + payloadLengthAt);
    if (last <= end) return last;
  }
  throw new Error("no code cache behind Node's own snapshot");
}
