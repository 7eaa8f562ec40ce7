import { mapped, sectionHeaders, sectionNamed, textAt, wide } from "./elf.ts";

// elf.h
const SHT_DYNSYM = 11;

/** All but the first and the end, by which the addon finds them. */
const trampoline = /^Trampoline[1-9]\d*$/;

/**
 * koffi's addon with blanks in place of its 8,192 entry points for functions that C calls, of which a plugin gives it
 * none: their code, their names and what unwinds a stack through them, more than half of the file, which each call
 * would write anew. An addon without such names stays as it is.
 */
export function withoutTrampolines(addon: Buffer): Buffer {
  const elf = Buffer.from(addon);
  const sections = sectionHeaders(elf);
  const symbols = sections.find((header) => elf.readUInt32LE(header + 4) === SHT_DYNSYM);
  const names = symbols === undefined ? undefined : sections[elf.readUInt32LE(symbols + 40)];
  if (symbols === undefined || names === undefined) return elf;
  const [start, size, entrySize] = [
    wide(elf, symbols + 24),
    wide(elf, symbols + 32),
    wide(elf, symbols + 56),
  ];
  const addresses = new Map<string, number>();
  for (let symbol = start; symbol < start + size; symbol += entrySize) {
    const at = wide(elf, names + 24) + elf.readUInt32LE(symbol);
    const name = textAt(elf, at);
    addresses.set(name, wide(elf, symbol + 8));
    if (!trampoline.test(name)) continue;
    elf.fill(0, at, at + name.length);
    elf.fill(0, symbol, symbol + entrySize);
  }
  const [first, end] = [addresses.get("Trampoline0"), addresses.get("TrampolineEnd")];
  if (first === undefined || end === undefined) return elf;
  const code = mapped(elf, first);
  if (code !== undefined) elf.fill(0, code, code + end - first);
  blankUnwinding(elf, first, end);
  return elf;
}

/**
 * Blanks the entries of .eh_frame for addresses from `first` to before `end`. They are only found by address, through
 * .eh_frame_hdr, which keeps its order (Linux Standard Base, Core, 10.6).
 */
function blankUnwinding(elf: Buffer, first: number, end: number): void {
  const frames = sectionNamed(elf, ".eh_frame");
  if (frames === undefined) return;
  const { address, offset: start, size } = frames;
  for (let entry = start; entry + 12 <= start + size; ) {
    const next = entry + 4 + elf.readUInt32LE(entry);
    const isForCode = elf.readUInt32LE(entry + 4) !== 0;
    // Relative to its own place, as compilers write it (DW_EH_PE_pcrel | DW_EH_PE_sdata4).
    const begin = address + (entry + 8 - start) + elf.readInt32LE(entry + 8);
    if (isForCode && begin >= first && begin < end) elf.fill(0, entry, next);
    entry = next;
  }
}
