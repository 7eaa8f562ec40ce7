/**
 * koffi's addon as a part of the program, linked when it is built: no call has to write it to a file for dlopen(), for
 * which a file system must allow new files and running them, and hardly anything of it is left for ld.so to do. For x86-64.
 */
import { addonCode } from "./addon-code.ts";
import { DT, dynamicOf, relocationsOf } from "./dynamic-section.ts";
import { type ElfSymbol, sectionNamed, wide } from "./elf.ts";
import { type Mark, marksOf, type Part, PF, PT, pageSizeOf, roundUp } from "./image.ts";

// elf.h; System V ABI, AMD64 supplement, 4.4.1
const R_X86_64 = { GLOB_DAT: 6, JUMP_SLOT: 7, RELATIVE: 8, DTPMOD64: 16, DTPOFF64: 17 };
const PT_GNU_EH_FRAME = 0x6474e550;
/** A program is the first module with thread-local variables: TLS ABI, 3. */
const programsModule = 1n;

/** What ld.so is to write at an address: something of a symbol that a library has. */
export interface LibraryRelocation {
  readonly address: number;
  /** One of R_X86_64. */
  readonly type: number;
  readonly symbol: string;
}

/** Other bytes within Node. */
interface AddressedBytes {
  readonly address: number;
  readonly bytes: Buffer;
}

export interface LinkedAddon {
  readonly parts: readonly Part[];
  /** In place of the program's own: its thread-local variables with the addon's before them. */
  readonly tls: Mark;
  readonly relocations: readonly LibraryRelocation[];
  /** Calls that lead to the addon in place of dlopen() and dlsym(). */
  readonly calls: readonly AddressedBytes[];
}

/** Node's functions by which addons are loaded, and lambdas within: src/node_binding.cc, DLib and DLOpen. */
const loaders = /4node7binding4DLib/;

/**
 * Links an addon, at an address that is on a page of its own, to a Node that has a symbol table. Throws when it has
 * something that is not known here: build with the addon in a file then (executable.ts).
 */
export function linkAddon(
  node: Buffer,
  symbols: ReadonlyMap<string, ElfSymbol>,
  addon: Buffer,
  address: number,
): LinkedAddon {
  const own = dynamicOf(addon);
  const stubs = linkageStubs(node);
  const { parts, place } = loadedParts(addon, address);
  const tls = threadLocals(node, addon);
  const put = (target: number, value: bigint): void => {
    place(target).writeBigUInt64LE(value);
  };
  const relocations: LibraryRelocation[] = [];

  for (const { type, offset, symbol, addend } of relocationsOf(addon, own)) {
    const target = address + offset;
    const { name, value, isUndefined, isThreadLocal } = symbol;
    if (type === R_X86_64.RELATIVE) put(target, BigInt(address + addend));
    else if (type === R_X86_64.DTPMOD64 && name === "") put(target, programsModule);
    else if (isThreadLocal && isUndefined) relocations.push({ address: target, type, symbol: name });
    else if (type === R_X86_64.GLOB_DAT || type === R_X86_64.JUMP_SLOT) {
      const known = isUndefined ? (symbols.get(name)?.address ?? stubs.get(name)) : address + value;
      if (known !== undefined) put(target, BigInt(known));
      else if (!optional.test(name))
        relocations.push({ address: target, type: R_X86_64.GLOB_DAT, symbol: name });
    } else throw new Error(`the addon has a relocation of type ${type}, which is not known here`);
  }

  const [start, size] = [own.get(DT.INIT_ARRAY) ?? 0, own.get(DT.INIT_ARRAYSZ) ?? 0];
  const initializers = Array.from({ length: size / 8 }, (_none, index) =>
    wide(place(address + start + 8 * index), 0),
  );
  const entryPoint = (name: string): number => {
    const found = own.symbols.find((one) => one.name === name && !one.isUndefined);
    if (found === undefined) throw new Error(`the addon has no ${name}`);
    return address + found.value;
  };
  const code = addonCode({
    initializers,
    register: entryPoint("napi_register_module_v1"),
    apiVersion: entryPoint("node_api_module_get_api_version_v1"),
  });
  const pageSize = pageSizeOf("x64");
  const end = Math.max(...parts.map((part) => part.address + part.memorySize));
  const codeAddress = roundUp(end, pageSize);
  const tlsAddress = roundUp(codeAddress + code.bytes.length, tls.align);
  const bytes = Buffer.concat([
    code.bytes,
    Buffer.alloc(tlsAddress - codeAddress - code.bytes.length),
    tls.bytes,
  ]);
  const { executable, readable } = PF;
  return {
    parts: [
      ...parts,
      { address: codeAddress, bytes, memorySize: bytes.length, flags: executable | readable },
    ],
    tls: {
      ...{ type: PT.TLS, flags: readable, address: tlsAddress, align: tls.align },
      ...{ fileSize: tls.bytes.length, memorySize: tls.memorySize },
    },
    relocations,
    calls: [
      ...callsTo(node, symbols, stubs.get("dlopen"), codeAddress + code.open),
      ...callsTo(node, symbols, stubs.get("dlsym"), codeAddress + code.symbol),
    ],
  };
}

/** What a program does without: hooks of the compiler, and what is for a library that is closed. */
const optional = /^(_ITM_|__gmon_start__$|__cxa_finalize$)/;

/** The calls and jumps to a stub within Node's loaders, with another target. */
function callsTo(
  node: Buffer,
  symbols: ReadonlyMap<string, ElfSymbol>,
  stub: number | undefined,
  target: number,
): AddressedBytes[] {
  const found = new Map<number, Buffer>();
  for (const caller of symbols.values()) {
    if (!loaders.test(caller.name)) continue;
    const code = node.subarray(caller.offset, caller.offset + caller.size);
    for (let at = 0; at + 5 <= code.length; at++) {
      const isCall = code[at] === 0xe8 || code[at] === 0xe9;
      const address = caller.address + at + 1;
      if (!isCall || address + 4 + code.readInt32LE(at + 1) !== stub) continue;
      const bytes = Buffer.alloc(4);
      bytes.writeInt32LE(target - (address + 4));
      found.set(address, bytes);
    }
  }
  if (found.size === 0) throw new Error("this Node loads addons in another way");
  return [...found].map(([address, bytes]) => ({ address, bytes }));
}

/** The code by which a program calls each function of a library: `jmp *slot(%rip)`. */
function linkageStubs(elf: Buffer): ReadonlyMap<string, number> {
  const own = dynamicOf(elf);
  const bySlot = new Map<number, string>();
  for (const { type, offset, symbol } of relocationsOf(elf, own))
    if (type === R_X86_64.JUMP_SLOT) bySlot.set(offset, symbol.name);
  const stubs = new Map<string, number>();
  const { address, offset, size } = sectionNamed(elf, ".plt") ?? { address: 0, offset: 0, size: 0 };
  for (let at = 0; at + 16 <= size; at += 16) {
    const code = elf.subarray(offset + at, offset + at + 16);
    if (code[0] !== 0xff || code[1] !== 0x25) continue;
    const name = bySlot.get(address + at + 6 + code.readInt32LE(2));
    if (name !== undefined) stubs.set(name, address + at);
  }
  return stubs;
}

/**
 * An addon's memory from an address on, and access to it by address. Tables of ld.so and what unwinds stacks are left
 * out, and pages of zeros in code: build/node/koffi-addon.ts leaves them.
 */
function loadedParts(
  addon: Buffer,
  address: number,
): { parts: readonly Part[]; place: (address: number) => Buffer } {
  const marks = marksOf(addon);
  const unwinding = marks.find(({ type }) => type === PT_GNU_EH_FRAME);
  const loads = marks.filter(({ type, offset }) => type === PT.LOAD && offset > 0);
  const parts = loads.flatMap(({ offset, address: start, fileSize, memorySize, flags }) => {
    const bytes = Buffer.from(addon.subarray(offset, offset + fileSize));
    const isCut =
      unwinding !== undefined && unwinding.address > start && unwinding.address < start + fileSize;
    const kept = isCut ? bytes.subarray(0, unwinding.address - start) : bytes;
    const part = {
      address: address + start,
      bytes: kept,
      memorySize: isCut ? kept.length : memorySize,
      flags,
    };
    return (flags & PF.writable) === 0 ? withoutZeroPages(part) : [part];
  });
  const place = (wanted: number): Buffer => {
    const part = parts.find((one) => wanted >= one.address && wanted + 8 <= one.address + one.bytes.length);
    if (part === undefined) throw new Error("the addon has a relocation for memory without content");
    return part.bytes.subarray(wanted - part.address);
  };
  return { parts, place };
}

/** A part as those before and behind its longest run of pages with nothing but zeros. */
function withoutZeroPages(part: Part): Part[] {
  const pageSize = pageSizeOf("x64");
  const { address, bytes } = part;
  const zeros = Buffer.alloc(pageSize);
  let longest = { start: 0, end: 0 };
  let start = roundUp(address, pageSize) - address;
  for (let at = start; at + pageSize <= bytes.length; at += pageSize) {
    if (!bytes.subarray(at, at + pageSize).equals(zeros)) start = at + pageSize;
    else if (at + pageSize - start > longest.end - longest.start) longest = { start, end: at + pageSize };
  }
  const cut = (from: number, to: number): Part[] =>
    to > from
      ? [{ ...part, address: address + from, bytes: bytes.subarray(from, to), memorySize: to - from }]
      : [];
  return [...cut(0, longest.start), ...cut(longest.end, bytes.length)];
}

/**
 * The initial thread-local variables of an addon and of a program, whose own keep their distance from the thread
 * pointer: they end there (TLS ABI, variant II), and the addon's come before them.
 */
function threadLocals(node: Buffer, addon: Buffer): { bytes: Buffer; memorySize: number; align: number } {
  const ofProgram = marksOf(node).find(({ type }) => type === PT.TLS);
  const ofAddon = marksOf(addon).find(({ type }) => type === PT.TLS);
  if (ofProgram === undefined || ofAddon === undefined)
    throw new Error("there are no thread-local variables");
  const align = Math.max(ofProgram.align, ofAddon.align);
  const end = roundUp(ofProgram.memorySize, ofProgram.align);
  const memorySize = roundUp(ofAddon.memorySize + end, align);
  const bytes = Buffer.alloc(memorySize - end + ofProgram.fileSize);
  addon.copy(bytes, 0, ofAddon.offset, ofAddon.offset + ofAddon.fileSize);
  node.copy(bytes, memorySize - end, ofProgram.offset, ofProgram.offset + ofProgram.fileSize);
  return { bytes, memorySize, align };
}
