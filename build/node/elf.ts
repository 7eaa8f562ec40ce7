/**
 * What is read of ELF files: 64-bit, little-endian, for x86-64 or AArch64 (elf.h; System V ABI, chapters 4 and 5).
 */

export type Architecture = "x64" | "arm64";

/** How Go, Debian and the names of releases call them. */
export const releaseNames: Readonly<Record<Architecture, string>> = { x64: "amd64", arm64: "arm64" };

// elf.h
const machines: Readonly<Record<number, Architecture>> = { 62: "x64", 183: "arm64" };
const PT_LOAD = 1;
const SHT_SYMTAB = 2;
const symbolSize = 24;

/** A function's code or a variable's initial value, as the symbol table tells of it. */
export interface ElfSymbol {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  /** Where in the file it begins. */
  readonly offset: number;
}

/** The architecture that a file is for; undefined when it is no ELF file of the kind above. */
export function architectureOf(file: Buffer): Architecture | undefined {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1)
    return undefined;
  return machines[file.readUInt16LE(18)];
}

/** Where the entries of a table begin whose place is told at `at`, their size and number at `sizes`. */
function headers(elf: Buffer, at: number, sizes: number): number[] {
  const start = wide(elf, at);
  const size = elf.readUInt16LE(sizes);
  return Array.from({ length: elf.readUInt16LE(sizes + 2) }, (_none, index) => start + index * size);
}

/** Where the program headers begin. */
function programHeaders(elf: Buffer): number[] {
  return headers(elf, 32, 54);
}

/** Where the section headers begin. */
export function sectionHeaders(elf: Buffer): number[] {
  return headers(elf, 40, 58);
}

/** A section's place in memory and in the file. */
interface ElfSection {
  readonly address: number;
  readonly offset: number;
  readonly size: number;
}

/** The first section of a name; undefined when there is none. */
export function sectionNamed(elf: Buffer, name: string): ElfSection | undefined {
  const sections = sectionHeaders(elf);
  const names = sections[elf.readUInt16LE(62)];
  if (names === undefined) return undefined;
  const header = sections.find(
    (section) => textAt(elf, wide(elf, names + 24) + elf.readUInt32LE(section)) === name,
  );
  if (header === undefined) return undefined;
  return { address: wide(elf, header + 16), offset: wide(elf, header + 24), size: wide(elf, header + 32) };
}

/** Where in an ELF file the byte is that is at an address; undefined when it is at none. */
export function mapped(elf: Buffer, address: number): number | undefined {
  const loaded = programHeaders(elf).find((header) => {
    const start = wide(elf, header + 16);
    return (
      elf.readUInt32LE(header) === PT_LOAD && address >= start && address < start + wide(elf, header + 32)
    );
  });
  return loaded === undefined ? undefined : wide(elf, loaded + 8) + address - wide(elf, loaded + 16);
}

/** The symbols of a file's symbol table that have a place in the file, by name. A stripped file has none. */
export function symbolsOf(elf: Buffer): ReadonlyMap<string, ElfSymbol> {
  const symbols = new Map<string, ElfSymbol>();
  if (architectureOf(elf) === undefined) return symbols;
  const sections = sectionHeaders(elf);
  const table = sections.find((header) => elf.readUInt32LE(header + 4) === SHT_SYMTAB);
  const names = table === undefined ? undefined : sections[elf.readUInt32LE(table + 40)];
  if (table === undefined || names === undefined) return symbols;
  const text = wide(elf, names + 24);
  const start = wide(elf, table + 24);
  const end = start + wide(elf, table + 32);
  for (let entry = start; entry < end; entry += symbolSize) {
    const size = wide(elf, entry + 16);
    const offset = size === 0 ? undefined : mapped(elf, wide(elf, entry + 8));
    if (offset === undefined) continue;
    const name = textAt(elf, text + elf.readUInt32LE(entry));
    symbols.set(name, { name, address: wide(elf, entry + 8), size, offset });
  }
  return symbols;
}

/** A 64-bit number of a file: none there reaches 2^53. */
export function wide(elf: Buffer, at: number): number {
  return Number(elf.readBigUInt64LE(at));
}

/** The text that a zero ends. */
export function textAt(elf: Buffer, at: number): string {
  return elf.toString("latin1", at, elf.indexOf(0, at));
}
