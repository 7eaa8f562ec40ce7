/**
 * Changes of the pinned Node binary that cannot be had by an option. Each is known by the name and the present value
 * of a variable, so that a binary where either differs is left as it is.
 */

/** The initial value of a 32-bit variable of the program. */
interface Variable {
  /** As in the symbol table. */
  readonly symbol: string;
  readonly from: number;
  readonly to: number;
}

/**
 * Abseil's detector of possible deadlocks, which release builds do not have and Node's has: the first lock taken makes
 * a graph of 1 MB (third_party/abseil-cpp/absl/synchronization/mutex.cc; kAbort is 2, kIgnore is 0). Without it each
 * start takes 0.7 ms and 1 MB less.
 */
export const deadlockDetection: Variable = {
  symbol: "_ZN4absl12_GLOBAL__N_124synch_deadlock_detectionE",
  from: 2,
  to: 0,
};

// elf.h
const SHT_SYMTAB = 2;
const PT_LOAD = 1;

/**
 * Where in an ELF file a variable's initial value is; undefined when the file has no such symbol (a stripped file has
 * none) or is no 64-bit little-endian ELF file.
 */
export function fileOffset(elf: Buffer, symbol: string): number | undefined {
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1) return undefined;
  const address = symbolAddress(elf, symbol);
  if (address === undefined) return undefined;
  const loaded = headers(elf, 32, 54).find((header) => {
    const start = wide(elf, header + 16);
    return (
      elf.readUInt32LE(header) === PT_LOAD && address >= start && address < start + wide(elf, header + 32)
    );
  });
  return loaded === undefined ? undefined : wide(elf, loaded + 8) + address - wide(elf, loaded + 16);
}

/** Sets a variable in a binary with symbols. Returns where it is, or undefined when it is not as expected. */
export function setVariable(elf: Buffer, { symbol, from, to }: Variable): number | undefined {
  const offset = fileOffset(elf, symbol);
  if (offset === undefined || elf.readInt32LE(offset) !== from) return undefined;
  elf.writeInt32LE(to, offset);
  return offset;
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
function headers(elf: Buffer, at: number, sizes: number): number[] {
  const start = wide(elf, at);
  const size = elf.readUInt16LE(sizes);
  return Array.from({ length: elf.readUInt16LE(sizes + 2) }, (_none, index) => start + index * size);
}

/** A 64-bit number of a file: none there reaches 2^53. */
function wide(elf: Buffer, at: number): number {
  return Number(elf.readBigUInt64LE(at));
}
