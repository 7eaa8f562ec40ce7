/**
 * The tables by which ld.so links a program: symbols, their names, hashes and versions, and relocations. Node gives all
 * of its 39,000 functions to addons, 3 MB that ld.so searches for each symbol of each library; of those a plugin's addon
 * needs Node-API alone.
 */
import type { LibraryRelocation } from "./addon.ts";
import { DT, entriesOf, relocationSize, SHN_UNDEF, symbolSize, tagsOf } from "./dynamic-section.ts";
import { mapped, textAt, wide } from "./elf.ts";

// elf.h
const STT_FUNC = 2;
/** STB_GLOBAL << 4 | STT_NOTYPE */
const globalSymbol = 0x10;
/** VER_NDX_GLOBAL: the only version there is, or the oldest. */
const anyVersion = 1;

/** Whether a program goes on to give a function or variable to others. */
type Keeps = (name: string, isFunction: boolean) => boolean;

/** The tables of a program with fewer symbols. */
interface DynamicTables {
  /** To be put at `address`, which is a multiple of eight. */
  readonly bytes: Buffer;
  /** The program's dynamic section as it must be then. */
  readonly dynamic: Buffer;
}

interface Table {
  readonly tag: number;
  readonly bytes: Buffer;
}

/** The tables of a program, for a place of their own, with more relocations. */
export function fewerDynamicSymbols(
  elf: Buffer,
  dynamicSection: Buffer,
  address: number,
  keeps: Keeps,
  more: readonly LibraryRelocation[],
): DynamicTables {
  const tags = tagsOf(dynamicSection);
  const tag = (key: number): number => {
    const value = tags.get(key);
    if (value === undefined) throw new Error(`the program's dynamic section lacks tag 0x${key.toString(16)}`);
    return value;
  };
  const at = (key: number): number => {
    const offset = mapped(elf, tag(key));
    if (offset === undefined) throw new Error(`tag 0x${key.toString(16)} leads nowhere`);
    return offset;
  };
  const read = (key: number, size: number): Buffer => Buffer.from(elf.subarray(at(key), at(key) + size));
  const relocations = read(DT.RELA, tag(DT.RELASZ));
  const linkage = read(DT.JMPREL, tag(DT.PLTRELSZ));
  const needed = verneedOf(elf, at(DT.VERNEED), tag(DT.VERNEEDNUM));

  const names = new Names();
  const nameAt = (offset: number): string => textAt(elf, at(DT.STRTAB) + offset);
  const { symbols, versions, hash, indexOf, indexOfName } = chosenSymbols(
    elf,
    { symbols: at(DT.SYMTAB), end: at(DT.STRTAB), versions: at(DT.VERSYM), nameAt },
    symbolsIn([relocations, linkage]),
    keeps,
    names,
    more.map(({ symbol }) => symbol),
  );
  for (const table of [relocations, linkage]) {
    for (let entry = 0; entry < table.length; entry += relocationSize) {
      table.writeUInt32LE(indexOf(table.readUInt32LE(entry + 12)), entry + 12);
    }
  }
  for (const place of needed.names)
    needed.bytes.writeUInt32LE(names.add(nameAt(needed.bytes.readUInt32LE(place))), place);
  const dynamic = Buffer.from(dynamicSection);
  for (const entry of entriesOf(dynamic)) {
    if (wide(dynamic, entry) !== DT.NEEDED) continue;
    dynamic.writeBigUInt64LE(BigInt(names.add(nameAt(wide(dynamic, entry + 8)))), entry + 8);
  }
  return placed(dynamic, address, [
    { tag: DT.GNU_HASH, bytes: hash },
    { tag: DT.SYMTAB, bytes: symbols },
    { tag: DT.VERSYM, bytes: versions },
    { tag: DT.VERNEED, bytes: needed.bytes },
    { tag: DT.RELA, bytes: Buffer.concat([relocations, ...more.map(relocationFor)]) },
    { tag: DT.JMPREL, bytes: linkage },
    { tag: DT.STRTAB, bytes: names.bytes() },
  ]);

  function relocationFor({ address: target, type, symbol }: LibraryRelocation): Buffer {
    const bytes = Buffer.alloc(relocationSize);
    bytes.writeBigUInt64LE(BigInt(target), 0);
    bytes.writeUInt32LE(type, 8);
    bytes.writeUInt32LE(indexOfName(symbol), 12);
    return bytes;
  }
}

function placed(dynamic: Buffer, address: number, tables: readonly Table[]): DynamicTables {
  const values = new Map<number, number>();
  const parts: Buffer[] = [];
  let length = 0;
  for (const { tag, bytes } of tables) {
    values.set(tag, address + length);
    if (tag === DT.STRTAB) values.set(DT.STRSZ, bytes.length);
    if (tag === DT.RELA) values.set(DT.RELASZ, bytes.length);
    const padded = Buffer.alloc((bytes.length + 7) & ~7);
    bytes.copy(padded);
    parts.push(padded);
    length += padded.length;
  }
  for (const entry of entriesOf(dynamic)) {
    const value = values.get(wide(dynamic, entry));
    if (value !== undefined) dynamic.writeBigUInt64LE(BigInt(value), entry + 8);
  }
  return { bytes: Buffer.concat(parts), dynamic };
}

function symbolsIn(tables: readonly Buffer[]): ReadonlySet<number> {
  const used = new Set<number>();
  for (const table of tables) {
    for (let entry = 0; entry < table.length; entry += relocationSize)
      used.add(table.readUInt32LE(entry + 12));
  }
  return used;
}

interface Sources {
  readonly symbols: number;
  readonly end: number;
  readonly versions: number;
  nameAt(offset: number): string;
}

interface Chosen {
  readonly symbols: Buffer;
  readonly versions: Buffer;
  readonly hash: Buffer;
  /** The place of a symbol that had another before. */
  indexOf(old: number): number;
  indexOfName(name: string): number;
}

/** Those that are to be found elsewhere, also by names that are wanted besides, those in relocations, and those that are kept. */
function chosenSymbols(
  elf: Buffer,
  { symbols: start, end, versions: versionsAt, nameAt }: Sources,
  used: ReadonlySet<number>,
  keeps: Keeps,
  names: Names,
  wanted: readonly string[],
): Chosen {
  const undefinedOnes: number[] = [0];
  const known = new Set<string>();
  const defined: { index: number; hash: number }[] = [];
  for (let index = 1; start + index * symbolSize < end; index++) {
    const entry = start + index * symbolSize;
    const isUndefined = elf.readUInt16LE(entry + 6) === SHN_UNDEF;
    const name = nameAt(elf.readUInt32LE(entry));
    if (isUndefined) {
      undefinedOnes.push(index);
      known.add(name);
    } else if (used.has(index) || keeps(name, (elf.readUInt8(entry + 4) & 0xf) === STT_FUNC))
      defined.push({ index, hash: gnuHash(name) });
  }
  const buckets = Math.max(1, defined.length >>> 1);
  defined.sort((a, b) => (a.hash % buckets) - (b.hash % buckets) || a.index - b.index);
  const added = [...new Set(wanted)].filter((name) => !known.has(name));
  const order = [...undefinedOnes, ...added, ...defined.map(({ index }) => index)];
  const symbols = Buffer.alloc(order.length * symbolSize);
  const versions = Buffer.alloc(order.length * 2);
  const places = new Map<number, number>();
  const byName = new Map<string, number>();
  for (const [index, old] of order.entries()) {
    if (typeof old === "string") {
      byName.set(old, index);
      symbols.writeUInt32LE(names.add(old), index * symbolSize);
      symbols.writeUInt8(globalSymbol, index * symbolSize + 4);
      versions.writeUInt16LE(anyVersion, index * 2);
      continue;
    }
    places.set(old, index);
    byName.set(nameAt(elf.readUInt32LE(start + old * symbolSize)), index);
    const entry = start + old * symbolSize;
    elf.copy(symbols, index * symbolSize, entry, entry + symbolSize);
    symbols.writeUInt32LE(old === 0 ? 0 : names.add(nameAt(elf.readUInt32LE(entry))), index * symbolSize);
    versions.writeUInt16LE(elf.readUInt16LE(versionsAt + 2 * old), index * 2);
  }
  const hash = hashTable(
    defined.map((one) => one.hash),
    buckets,
    undefinedOnes.length + added.length,
  );
  const indexOf = (old: number): number => {
    const index = places.get(old);
    if (index === undefined) throw new Error(`symbol ${old} of a relocation is missing`);
    return index;
  };
  const indexOfName = (name: string): number => byName.get(name) ?? 0;
  return { symbols, versions, hash, indexOf, indexOfName };
}

/** https://sourceware.org/glibc, elf/dl-new-hash.h */
function gnuHash(name: string): number {
  let hash = 5381;
  for (const byte of Buffer.from(name, "latin1")) hash = (Math.imul(hash, 33) + byte) >>> 0;
  return hash;
}

/** A section .gnu.hash: a Bloom filter, the first symbol of each bucket, and the hashes, of which the last of a bucket is odd. */
function hashTable(hashes: readonly number[], buckets: number, first: number): Buffer {
  const words = 2 ** Math.ceil(Math.log2(Math.max(1, hashes.length / 4)));
  const shift = 14;
  const bloom = new BigUint64Array(words);
  const starts = new Uint32Array(buckets);
  const chain = new Uint32Array(hashes.length);
  for (const [index, hash] of hashes.entries()) {
    const word = Math.floor(hash / 64) % words;
    bloom[word] = (bloom[word] ?? 0n) | (1n << BigInt(hash % 64)) | (1n << BigInt((hash >>> shift) % 64));
    const bucket = hash % buckets;
    if (starts[bucket] === 0) starts[bucket] = first + index;
    const next = hashes[index + 1];
    const isLast = next === undefined || next % buckets !== bucket;
    chain[index] = ((hash & ~1) | (isLast ? 1 : 0)) >>> 0;
  }
  const head = Uint32Array.of(buckets, first, words, shift);
  return Buffer.concat([head, bloom, starts, chain].map((part) => Buffer.from(part.buffer)));
}

/** What versions of which libraries are needed (Elf64_Verneed, Elf64_Vernaux), and where in it names are told. */
function verneedOf(elf: Buffer, start: number, count: number): { bytes: Buffer; names: readonly number[] } {
  const names: number[] = [];
  let end = start;
  let entry = start;
  for (let library = 0; library < count; library++) {
    names.push(entry + 4);
    let version = entry + elf.readUInt32LE(entry + 8);
    for (let left = elf.readUInt16LE(entry + 2); left > 0; left--) {
      names.push(version + 8);
      end = Math.max(end, version + 16);
      version += elf.readUInt32LE(version + 12);
    }
    entry += elf.readUInt32LE(entry + 12);
  }
  return { bytes: Buffer.from(elf.subarray(start, end)), names: names.map((place) => place - start) };
}

/** A table of texts that a zero ends, each of which is there once. */
class Names {
  readonly #places = new Map<string, number>([["", 0]]);
  readonly #parts: Buffer[] = [Buffer.alloc(1)];
  #length = 1;

  add(name: string): number {
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    const place = this.#length;
    const bytes = Buffer.from(`${name}\0`, "latin1");
    this.#places.set(name, place);
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return place;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
