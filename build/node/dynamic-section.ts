/** The dynamic section of ELF files: where ld.so finds what it links by. */
import { mapped, textAt, wide } from "./elf.ts";
import { marksOf, PT } from "./image.ts";

// elf.h
export const DT = {
  NULL: 0,
  NEEDED: 1,
  PLTRELSZ: 2,
  STRTAB: 5,
  SYMTAB: 6,
  RELA: 7,
  RELASZ: 8,
  STRSZ: 10,
  JMPREL: 23,
  INIT_ARRAY: 25,
  INIT_ARRAYSZ: 27,
  GNU_HASH: 0x6ffffef5,
  VERSYM: 0x6ffffff0,
  VERNEED: 0x6ffffffe,
  VERNEEDNUM: 0x6fffffff,
} as const;
export const SHN_UNDEF = 0;
const STT_TLS = 6;
/** Elf64_Sym and Elf64_Rela. */
export const symbolSize = 24;
export const relocationSize = 24;
/** Elf64_Dyn. */
const entrySize = 16;

/** Where each entry of a dynamic section begins. */
export function entriesOf(section: Buffer): number[] {
  return Array.from({ length: section.length / entrySize }, (_none, index) => entrySize * index);
}

/** Values by tag; of a tag that is there several times, the last one's. */
export function tagsOf(section: Buffer): ReadonlyMap<number, number> {
  return new Map(entriesOf(section).map((entry) => [wide(section, entry), wide(section, entry + 8)]));
}

/** A symbol by which programs, libraries and addons are linked. */
interface DynamicSymbol {
  readonly name: string;
  readonly value: number;
  readonly isUndefined: boolean;
  readonly isThreadLocal: boolean;
}

/** What an ELF file tells ld.so. */
interface Dynamic {
  get(tag: number): number | undefined;
  readonly symbols: readonly DynamicSymbol[];
}

/** Throws when the file is not linked dynamically. */
export function dynamicOf(elf: Buffer): Dynamic {
  const section = marksOf(elf).find(({ type }) => type === PT.DYNAMIC);
  if (section === undefined) throw new Error("it is not linked dynamically");
  const tags = tagsOf(elf.subarray(section.offset, section.offset + section.fileSize));
  const at = (tag: number): number => mapped(elf, tags.get(tag) ?? -1) ?? 0;
  const [start, end] = [at(DT.SYMTAB), at(DT.STRTAB)];
  const symbols = Array.from({ length: Math.floor((end - start) / symbolSize) }, (_none, index) => {
    const entry = start + index * symbolSize;
    return {
      name: textAt(elf, end + elf.readUInt32LE(entry)),
      value: wide(elf, entry + 8),
      isUndefined: elf.readUInt16LE(entry + 6) === SHN_UNDEF,
      isThreadLocal: (elf.readUInt8(entry + 4) & 0xf) === STT_TLS,
    };
  });
  return { get: (tag) => tags.get(tag), symbols };
}

interface Relocation {
  readonly type: number;
  readonly offset: number;
  readonly symbol: DynamicSymbol;
  readonly addend: number;
}

/** What is to be written where when it is loaded, that of function calls last. */
export function relocationsOf(elf: Buffer, { get, symbols }: Dynamic): Relocation[] {
  const nobody: DynamicSymbol = { name: "", value: 0, isUndefined: true, isThreadLocal: false };
  return [
    [DT.RELA, DT.RELASZ],
    [DT.JMPREL, DT.PLTRELSZ],
  ].flatMap(([table = 0, size = 0]) => {
    const start = mapped(elf, get(table) ?? -1) ?? 0;
    return Array.from({ length: (get(size) ?? 0) / relocationSize }, (_none, index) => {
      const entry = start + index * relocationSize;
      return {
        offset: wide(elf, entry),
        type: elf.readUInt32LE(entry + 8),
        symbol: symbols[elf.readUInt32LE(entry + 12)] ?? nobody,
        addend: wide(elf, entry + 16),
      };
    });
  });
}
