import type { LinkedAddon } from "./addon.ts";
import { fewerDynamicSymbols } from "./dynamic-symbols.ts";
import { type Architecture, architectureOf, sectionNamed, wide } from "./elf.ts";
import {
  headerSize,
  type Image,
  imageFile,
  largestPage,
  type Mark,
  marksOf,
  type Part,
  PF,
  PT,
  pageSizeOf,
  roundUp,
} from "./image.ts";
import { packageNote } from "./package-note.ts";
import type { AddressRange } from "./touched-pages.ts";
import type { FileRange } from "./unused-data.ts";

/** What comes into an executable besides Node. */
export interface Addition {
  readonly parts: readonly Part[];
  readonly marks: readonly Mark[];
  readonly entry?: number;
}

/** A Node binary without what no executable needs, to which parts can be added. */
export interface SlimNode {
  readonly architecture: Architecture;
  /** Where it begins. */
  readonly entry: number;
  /** Where the file's headers are in memory. */
  readonly base: number;
  /** The first address behind Node, where the addon is that is linked to it. */
  readonly endOfNode: number;
  /** The first address behind everything, on a page of its own. */
  readonly end: number;
  /** The executable's file. */
  file(addition: Addition): Buffer;
}

/**
 * What koffi's addon takes from the program that loads it, which is Node-API, the functions of OpenSSL that
 * shared/cni/sha512.ts calls, and variables of the C++ library, of which a process must have each once.
 */
function isForOthers(name: string, isFunction: boolean): boolean {
  return isFunction ? /^(napi_|node_api_|SHA512_)/.test(name) : isOfLibrary(name);
}

/** The same for an addon that is linked already. */
function isForLibraries(name: string, isFunction: boolean): boolean {
  return isFunction ? name.startsWith("SHA512_") : isOfLibrary(name);
}

function isOfLibrary(name: string): boolean {
  return /^_Z(GV|T[VIS]|Z)?N?K?S[st]/.test(name);
}

/** The first address behind a program's memory that is on a page of its own. */
export function endOf(elf: Buffer): number {
  const loads = marksOf(elf).filter(({ type }) => type === PT.LOAD);
  return roundUp(Math.max(...loads.map(({ address, memorySize }) => address + memorySize)), largestPage);
}

/**
 * Takes a changed Node binary apart: its sections, its symbols but those that its libraries or an addon take from it,
 * and data that nothing reaches are left out, in whose place are zeros.
 *
 * @param touched what usual calls touch, which comes first in the file; with none it keeps its order.
 * @param addon what is linked to it, at endOf(elf).
 */
export function slimNode(
  elf: Buffer,
  unused: readonly FileRange[],
  touched: readonly AddressRange[],
  addon?: LinkedAddon,
): SlimNode {
  const architecture = architectureOf(elf);
  if (architecture === undefined) throw new Error("it is no Node binary for x86-64 or arm64");
  const pageSize = pageSizeOf(architecture);
  const headers = marksOf(elf);
  const loads = headers.filter(({ type }) => type === PT.LOAD);
  const base = loads[0]?.address ?? 0;
  const tables = { what: "tables of ld.so", start: 0, end: endOfTables(elf) };

  const dynamic = headers.find(({ type }) => type === PT.DYNAMIC);
  if (dynamic === undefined) throw new Error("it is not linked dynamically");
  const section = elf.subarray(dynamic.offset, dynamic.offset + dynamic.fileSize);
  // What precedes the tables: the interpreter's name and notes, which keep their order.
  const early = headers.filter(
    ({ type, offset }) => (type === PT.INTERP || type === PT.NOTE) && offset < tables.end,
  );

  const ownParts = loads
    .flatMap((load) => partsOf(elf, load, [tables, ...unused], pageSize))
    .flatMap((part) => splitByTouch(part, touched));
  const parts = [...ownParts, ...(addon?.parts ?? [])];
  const later = headers
    .filter(({ type }) => type !== PT.LOAD && type !== PT.PHDR && type !== PT.INTERP && type !== PT.NOTE)
    .map((mark) => (mark.type === PT.TLS ? (addon?.tls ?? mark) : mark));
  const end = roundUp(Math.max(...parts.map((part) => part.address + part.memorySize)), largestPage);
  const entry = wide(elf, 24);

  const file = (addition: Addition): Buffer => {
    const start =
      base +
      headerSize(
        parts.length + addition.parts.length,
        early.length + 1 + later.length + addition.marks.length,
      );
    let length = 0;
    const chunks: Buffer[] = [];
    const moved = early.map((mark): Mark => {
      const aligned = (length + 7) & ~7;
      chunks.push(Buffer.alloc(aligned - length), elf.subarray(mark.offset, mark.offset + mark.fileSize));
      length = aligned + mark.fileSize;
      return { ...mark, address: start + aligned };
    });
    const note = packageNote(architecture);
    const noteAt = roundUp(start + length, 4);
    chunks.push(Buffer.alloc(noteAt - start - length), note);
    length = noteAt - start + note.length;
    const size = { fileSize: note.length, memorySize: note.length };
    const noteMark = { type: PT.NOTE, flags: PF.readable, address: noteAt, ...size, align: 4 };
    const padding = -(start + length) & 7;
    const linked = fewerDynamicSymbols(
      elf,
      section,
      start + length + padding,
      addon === undefined ? isForOthers : isForLibraries,
      addon?.relocations ?? [],
    );
    const head = Buffer.concat([...chunks, Buffer.alloc(padding), linked.bytes]);
    const withDynamic = parts.map((part) => replaced(part, dynamic.address, linked.dynamic));
    const image: Image = {
      architecture,
      elfHeader: elf.subarray(0, 64),
      entry: addition.entry ?? entry,
      base,
      parts: [...withDynamic, ...addition.parts],
      marks: [...moved, noteMark, ...later, ...addition.marks],
    };
    // Scanners look for it by its section.
    return imageFile(image, head, { name: ".note.package", address: noteAt, size: note.length });
  };
  return { architecture, entry, base, endOfNode: endOf(elf), end, file };
}

/** Where the first section behind the tables of ld.so begins: they come first in the file. */
function endOfTables(elf: Buffer): number {
  const init = sectionNamed(elf, ".init");
  if (init === undefined) throw new Error("this Node binary has no section .init");
  return init.offset;
}

/** What is left of a segment, of whole pages. */
function partsOf(
  elf: Buffer,
  load: Mark & { offset: number },
  unused: readonly FileRange[],
  pageSize: number,
): Part[] {
  const parts: Part[] = [];
  const end = load.offset + load.fileSize;
  const shift = load.address - load.offset;
  let start = load.offset;
  const keep = (until: number, zerosUntil: number): void => {
    if (until > start) {
      const bytes = Buffer.from(elf.subarray(start, until));
      parts.push({ address: start + shift, bytes, memorySize: zerosUntil - start, flags: load.flags });
    }
  };
  const inside = unused
    .filter((range) => range.start < end && range.end > load.offset)
    .toSorted((a, b) => a.start - b.start);
  for (const range of inside) {
    const from = roundUp(range.start + shift, pageSize) - shift;
    const to = Math.floor((range.end + shift) / pageSize) * pageSize - shift;
    if (to <= from) continue;
    keep(Math.max(start, from), to);
    start = Math.max(start, to);
  }
  keep(end, load.offset + load.memorySize);
  return parts;
}

/** A smaller part stays whole: to split it would cost more than reading it. */
const leastSplit = 1 << 20;

/** The pieces of a part that usual calls touch, and those that they do not, which come last in the file. */
function splitByTouch(part: Part, touched: readonly AddressRange[]): Part[] {
  const { address, bytes, memorySize, flags } = part;
  if (touched.length === 0 || bytes.length < leastSplit || (flags & PF.writable) !== 0) return [part];
  const end = address + bytes.length;
  const borders = touched
    .flatMap((range) => [range.start, range.end])
    .filter((at) => at > address && at < end);
  return [address, ...borders].map((from, index) => {
    const until = borders[index] ?? end;
    return {
      address: from,
      bytes: bytes.subarray(from - address, until - address),
      memorySize: until === end ? address + memorySize - from : until - from,
      flags,
      isLast: !touched.some((range) => range.start < until && range.end > from),
    };
  });
}

function replaced(part: Part, address: number, bytes: Buffer): Part {
  const at = address - part.address;
  if (at < 0 || at >= part.bytes.length) return part;
  const changed = Buffer.from(part.bytes);
  bytes.copy(changed, at);
  return { ...part, bytes: changed };
}
