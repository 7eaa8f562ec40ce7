/**
 * Changes of the pinned Node binary that no option makes. Each is known by a symbol and by what is there now, so that a
 * binary of another release or architecture, where either differs, is left as it is.
 */

/** Bytes at a symbol of the program and what comes in their place, as hex. */
export interface Change {
  /** As in the symbol table. */
  readonly symbol: string;
  /** How many bytes behind the symbol; 0 when left out. */
  readonly offset?: number;
  readonly from: string;
  readonly to: string;
  /** What a start takes less with it, in milliseconds. */
  readonly saves: number;
}

// elf.h
const SHT_SYMTAB = 2;
const PT_LOAD = 1;

/**
 * Where in an ELF file a function's code or a variable's initial value is; undefined when the file has no such symbol
 * (a stripped file has none) or is no 64-bit little-endian ELF file.
 */
export function fileOffset(elf: Buffer, symbol: string): number | undefined {
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1) return undefined;
  const address = symbolAddress(elf, symbol);
  if (address === undefined) return undefined;
  return mapped(elf, address);
}

/** Where in an ELF file the byte is that is at an address; undefined when it is at none. */
export function mapped(elf: Buffer, address: number): number | undefined {
  const loaded = headers(elf, 32, 54).find((header) => {
    const start = wide(elf, header + 16);
    return (
      elf.readUInt32LE(header) === PT_LOAD && address >= start && address < start + wide(elf, header + 32)
    );
  });
  return loaded === undefined ? undefined : wide(elf, loaded + 8) + address - wide(elf, loaded + 16);
}

/** Makes a change in a binary with symbols. Returns where it is, or undefined when what is there is not as expected. */
export function applyChange(elf: Buffer, { symbol, offset = 0, from, to }: Change): number | undefined {
  const start = fileOffset(elf, symbol);
  if (start === undefined) return undefined;
  const [before, after] = [Buffer.from(from, "hex"), Buffer.from(to, "hex")];
  const at = start + offset;
  if (!elf.subarray(at, at + before.length).equals(before)) return undefined;
  after.copy(elf, at);
  return at;
}

function symbolAddress(elf: Buffer, symbol: string): number | undefined {
  const sections = headers(elf, 40, 58);
  const table = sections.find((header) => elf.readUInt32LE(header + 4) === SHT_SYMTAB);
  const names = table === undefined ? undefined : sections[elf.readUInt32LE(table + 40)];
  if (table === undefined || names === undefined) return undefined;
  const text = elf.subarray(wide(elf, names + 24), wide(elf, names + 24) + wide(elf, names + 32));
  const name = text.indexOf(`\0${symbol}\0`, 0, "latin1") + 1;
  const start = wide(elf, table + 24);
  const end = start + wide(elf, table + 32);
  for (let entry = start; name > 0 && entry < end; entry += wide(elf, table + 56)) {
    if (elf.readUInt32LE(entry) === name) return wide(elf, entry + 8);
  }
  return undefined;
}

/** Where the entries of a table begin whose place is told at `at`, their size and number at `sizes`. */
export function headers(elf: Buffer, at: number, sizes: number): number[] {
  const start = wide(elf, at);
  const size = elf.readUInt16LE(sizes);
  return Array.from({ length: elf.readUInt16LE(sizes + 2) }, (_none, index) => start + index * size);
}

/** A 64-bit number of a file: none there reaches 2^53. */
export function wide(elf: Buffer, at: number): number {
  return Number(elf.readBigUInt64LE(at));
}
