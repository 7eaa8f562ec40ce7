/** What of an ELF file tells whether this machine can run it, and whether it is whole (elf(5)). */
interface Elf {
  /** As Node names it, or the number of elf.h. */
  readonly architecture: string;
  /** How long the file must be for its segments and sections. */
  readonly length: number;
}

/** Reads bytes of a file at a position; fewer at its end. */
type ReadAt = (position: number, length: number) => Uint8Array;

const headerSize = 64;
const PT_NULL = 0;
const SHT_NOBITS = 8;

/** elf.h, EM_…; those that the Go plugins are built for. */
const machines: Readonly<Record<number, string>> = {
  3: "ia32",
  8: "mips",
  20: "ppc",
  21: "ppc64",
  22: "s390x",
  40: "arm",
  62: "x64",
  183: "arm64",
  243: "riscv64",
  258: "loong64",
};

/** Undefined for what is no ELF file. One of 32 bits or with the highest byte first has its header's length only. */
export function readElf(readAt: ReadAt): Elf | undefined {
  const bytes = readAt(0, headerSize);
  if (bytes.length < 20 || bytes[0] !== 0x7f || Buffer.from(bytes).toString("latin1", 1, 4) !== "ELF")
    return undefined;
  const isLittle = bytes[5] !== 2;
  const view = viewOf(bytes);
  const machine = view.getUint16(18, isLittle);
  const architecture = machines[machine] ?? `ELF machine ${machine}`;
  if (bytes[4] !== 2 || bytes.length < headerSize || !isLittle) return { architecture, length: headerSize };
  return {
    architecture,
    length: Math.max(headerSize, endOfSegments(view, readAt), endOfSections(view, readAt)),
  };
}

/** Elf64_Ehdr e_phoff, e_phentsize, e_phnum; Elf64_Phdr p_type, p_offset, p_filesz. */
function endOfSegments(header: DataView, readAt: ReadAt): number {
  const table = {
    offset: wide(header, 32),
    entry: header.getUint16(54, true),
    count: header.getUint16(56, true),
  };
  return endOf(table, readAt, (view, at) =>
    view.getUint32(at, true) === PT_NULL ? 0 : wide(view, at + 8) + wide(view, at + 32),
  );
}

/** Elf64_Ehdr e_shoff, e_shentsize, e_shnum; Elf64_Shdr sh_type, sh_offset, sh_size. */
function endOfSections(header: DataView, readAt: ReadAt): number {
  const table = {
    offset: wide(header, 40),
    entry: header.getUint16(58, true),
    count: header.getUint16(60, true),
  };
  return endOf(table, readAt, (view, at) =>
    view.getUint32(at + 4, true) === SHT_NOBITS ? 0 : wide(view, at + 24) + wide(view, at + 32),
  );
}

interface Table {
  readonly offset: number;
  readonly entry: number;
  readonly count: number;
}

/** The offset behind a table and behind everything its entries describe, whichever is later. */
function endOf(
  { offset, entry, count }: Table,
  readAt: ReadAt,
  end: (view: DataView, at: number) => number,
): number {
  if (count === 0 || entry < 56) return 0;
  const bytes = readAt(offset, entry * count);
  const view = viewOf(bytes);
  let last = offset + entry * count;
  for (let at = 0; at + entry <= bytes.length; at += entry) last = Math.max(last, end(view, at));
  return last;
}

function wide(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
