/**
 * A program as parts of memory and what tells of them, and the file that has it: an ELF file whose only sections are those
 * that scanners look for, since nothing needs them to run it.
 */
import { type Architecture, wide } from "./elf.ts";

// elf.h
export const PT = {
  LOAD: 1,
  DYNAMIC: 2,
  INTERP: 3,
  NOTE: 4,
  PHDR: 6,
  TLS: 7,
} as const;
export const PF = { executable: 1, writable: 2, readable: 4 } as const;
const elfHeaderSize = 64;
const programHeaderSize = 56;

/** Memory that the kernel fills from the file, and with zeros behind that. */
export interface Part {
  readonly address: number;
  readonly bytes: Buffer;
  /** Bytes in memory, zeros included. */
  readonly memorySize: number;
  /** Bits of PF. */
  readonly flags: number;
  /** It follows all others in the file: usual calls do not touch it. */
  readonly isLast?: boolean;
}

/** A program header that tells of something within a part. */
export interface Mark {
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
}

export interface Image {
  readonly architecture: Architecture;
  /** The first 64 bytes of the program that it was made from. */
  readonly elfHeader: Buffer;
  readonly entry: number;
  /** Where the file's own headers are in memory; what is said of them comes first there. */
  readonly base: number;
  /** What follows the headers, which is not to be at a fixed place: it is given its address. */
  readonly parts: readonly Part[];
  readonly marks: readonly Mark[];
}

/** The next multiple of a number, or the value itself. */
export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** A note as it is in a file: elf.h, Elf64_Nhdr, with name and content at multiples of four bytes. */
export function elfNote(name: string, type: number, content: Buffer): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt32LE(name.length + 1, 0);
  header.writeUInt32LE(content.length, 4);
  header.writeUInt32LE(type, 8);
  const padding = (length: number): Buffer => Buffer.alloc(roundUp(length, 4) - length);
  const text = Buffer.from(`${name}\0`, "latin1");
  return Buffer.concat([header, text, padding(text.length), content, padding(content.length)]);
}

/** Pages of any architecture begin at multiples of this. */
export const largestPage = 0x10000;

/** The largest page that a kernel of the architecture may have: what has other permissions is on another one. */
export function pageSizeOf(architecture: Architecture): number {
  return architecture === "x64" ? 0x1000 : largestPage;
}

/** Bytes of the headers of a file with so many program headers besides those for its parts. */
export function headerSize(parts: number, marks: number): number {
  // The headers' own part, and PT_PHDR.
  return elfHeaderSize + programHeaderSize * (parts + marks + 2);
}

/**
 * The file of an image.
 *
 * @param head what is in memory right behind the headers, within their part.
 * @param note what of the head the section table tells of.
 */
export function imageFile(
  { architecture, elfHeader, entry, base, parts, marks }: Image,
  head: Buffer,
  note: NoteSection,
): Buffer {
  const size = headerSize(parts.length, marks.length);
  const pageSize = pageSizeOf(architecture);
  const first: Part = {
    address: base,
    bytes: Buffer.concat([Buffer.alloc(size), head]),
    memorySize: size + head.length,
    flags: PF.readable,
  };
  const chunks: Buffer[] = [];
  let length = 0;
  const place = (part: Part): Part & { offset: number } => {
    // The same place in a page as in memory.
    const offset = length + ((((part.address - length) % pageSize) + pageSize) % pageSize);
    chunks.push(Buffer.alloc(offset - length), part.bytes);
    length = offset + part.bytes.length;
    return { ...part, offset };
  };
  const sooner = [first, ...parts].filter(({ isLast = false }) => !isLast).map(place);
  const later = parts.filter(({ isLast = false }) => isLast).map(place);
  // The kernel wants the headers in the order of the addresses.
  const placed = [...sooner, ...later].sort((a, b) => a.address - b.address);
  const offsetOf = (address: number): number => {
    const part = placed.find((one) => address >= one.address && address < one.address + one.bytes.length);
    return part === undefined ? 0 : part.offset + address - part.address;
  };
  const dynamic = marks.filter(({ type }) => type === PT.DYNAMIC).map(dynamicSection);
  const sections = [noteSection(note), ...dynamic].map((section) => ({
    ...section,
    offset: offsetOf(section.address),
  }));
  const file = Buffer.concat([...chunks, sectionTable(sections, length)]);
  elfHeader.copy(file, 0, 0, elfHeaderSize);
  file.writeBigUInt64LE(BigInt(entry), 24);
  file.writeBigUInt64LE(BigInt(elfHeaderSize), 32);
  file.writeUInt16LE(placed.length + marks.length + 1, 56);
  // Size and number of section headers, and which one has the names.
  const count = sections.length + 2;
  for (const [index, number] of [sectionHeaderSize, count, count - 1].entries())
    file.writeUInt16LE(number, 58 + 2 * index);
  file.writeBigUInt64LE(BigInt(file.length - count * sectionHeaderSize), 40);
  const headers: (Mark & { offset: number })[] = [
    {
      type: PT.PHDR,
      flags: PF.readable,
      address: base + elfHeaderSize,
      fileSize: size - elfHeaderSize,
      memorySize: size - elfHeaderSize,
      align: 8,
      offset: elfHeaderSize,
    },
    // PT_INTERP has to come before what is loaded.
    ...marks
      .filter(({ type }) => type === PT.INTERP)
      .map((mark) => ({ ...mark, offset: offsetOf(mark.address) })),
    ...placed.map(({ address, bytes, memorySize, flags, offset }) => ({
      type: PT.LOAD,
      flags,
      address,
      fileSize: bytes.length,
      memorySize,
      align: pageSize,
      offset,
    })),
    ...marks
      .filter(({ type }) => type !== PT.INTERP)
      .map((mark) => ({ ...mark, offset: offsetOf(mark.address) })),
  ];
  for (const [index, header] of headers.entries())
    writeHeader(file, elfHeaderSize + index * programHeaderSize, header);
  return file;
}

/** A note that sections tell of. */
interface NoteSection {
  readonly name: string;
  readonly address: number;
  readonly size: number;
}

const sectionHeaderSize = 64;

function noteSection({ name, address, size }: NoteSection): Omit<Section, "offset"> {
  return { name, type: SHT.note, flags: SHF.alloc, address, size };
}

/** Without it readelf and its like complain of the other ones. */
function dynamicSection({ address, fileSize: size }: Mark): Omit<Section, "offset"> {
  return { name: ".dynamic", type: SHT.dynamic, flags: SHF.alloc | SHF.write, address, size };
}

/** A section as its header tells of it: elf.h. */
interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
}

const SHT = { strtab: 3, dynamic: 6, note: 7 } as const;
const SHF = { write: 1, alloc: 2 } as const;

/** Names of sections, and their headers, the first of which is none and the last that of the names. */
function sectionTable(sections: readonly Section[], offset: number): Buffer {
  const all = [...sections, { name: ".shstrtab", type: SHT.strtab, flags: 0, address: 0 }];
  const names = Buffer.from(`\0${all.map(({ name }) => `${name}\0`).join("")}`, "latin1");
  const padding = Buffer.alloc(-(offset + names.length) & 7);
  const headers = all.map((section) => {
    const { name, type, flags, address } = section;
    const [from, size] = "size" in section ? [section.offset, section.size] : [offset, names.length];
    const header = Buffer.alloc(sectionHeaderSize);
    header.writeUInt32LE(names.indexOf(`\0${name}\0`, 0, "latin1") + 1, 0);
    header.writeUInt32LE(type, 4);
    for (const [word, value] of [flags, address, from, size].entries())
      header.writeBigUInt64LE(BigInt(value), 8 + 8 * word);
    header.writeBigUInt64LE(type === SHT.dynamic ? 8n : 4n, 48);
    header.writeBigUInt64LE(type === SHT.dynamic ? 16n : 0n, 56);
    return header;
  });
  return Buffer.concat([names, padding, Buffer.alloc(sectionHeaderSize), ...headers]);
}

function writeHeader(file: Buffer, at: number, header: Mark & { offset: number }): void {
  file.writeUInt32LE(header.type, at);
  file.writeUInt32LE(header.flags, at + 4);
  const words = [
    header.offset,
    header.address,
    header.address,
    header.fileSize,
    header.memorySize,
    header.align,
  ];
  for (const [index, word] of words.entries()) file.writeBigUInt64LE(BigInt(word), at + 8 + 8 * index);
}

/** The program headers of a file. */
export function marksOf(elf: Buffer): (Mark & { offset: number })[] {
  const [start, size] = [wide(elf, 32), elf.readUInt16LE(54)];
  return Array.from({ length: elf.readUInt16LE(56) }, (_none, index) => {
    const at = start + index * size;
    return {
      type: elf.readUInt32LE(at),
      flags: elf.readUInt32LE(at + 4),
      offset: wide(elf, at + 8),
      address: wide(elf, at + 16),
      fileSize: wide(elf, at + 32),
      memorySize: wide(elf, at + 40),
      align: wide(elf, at + 48),
    };
  });
}
