/**
 * Changes of Node's binary that no option makes. A change is a list of edits, each of which names a symbol of Node's
 * symbol table, so that it fits whatever release has the function: of a function that is replaced whole nothing else
 * matters, and within one a pattern must match once.
 */
import type { Architecture, ElfSymbol } from "./elf.ts";

/** Code for each architecture for which there is some, as hex. */
type Code = Readonly<Partial<Record<Architecture, string>>>;

/** Other code at the beginning of a function, which returns; the rest of it is never reached. */
export interface FunctionEdit {
  readonly function: string;
  readonly becomes: Code;
}

/** A method that does nothing but call another one of the same object, with a small number. */
interface ForwardEdit {
  readonly function: string;
  readonly calls: string;
  readonly argument: number;
}

/** Another initial value of a variable. */
export interface DataEdit {
  readonly data: string;
  readonly from: string;
  readonly to: string;
}

/** Other instructions at one place within a function. */
interface InnerEdit {
  readonly within: string;
  readonly places: Readonly<Partial<Record<Architecture, Place>>>;
}

interface Place {
  /** Bytes as hex, `..` for any byte. */
  readonly pattern: string;
  /** What comes in the place of the bytes found, as many as they are. */
  becomes(found: Buffer): Buffer;
}

export type Edit = FunctionEdit | ForwardEdit | DataEdit | InnerEdit;

export interface Change {
  readonly name: string;
  /** `speed`: a start only takes less time. `semantics`: something works in another way, or not at all. */
  readonly kind: "speed" | "semantics";
  /** Where there is nothing to change elsewhere, or no code for it yet. */
  readonly only?: Architecture;
  /** Whether the Node that makes snapshots, which ends in its own way, is without it. */
  readonly onlyInExecutables?: boolean;
  /** Without it no executable can be built. */
  readonly required?: boolean;
  /** File and function in the sources of Node or of what it contains. */
  readonly source: string;
  readonly before: string;
  readonly after: string;
  /** Why no plugin misses what is gone. */
  readonly safe: string;
  /** What works no longer, in the words of Node's documentation. */
  readonly loses?: string;
  /** The test that sees it. */
  readonly checkedBy: string;
  /** What a start takes less with it, in milliseconds. */
  readonly saves: number;
  readonly edits: readonly Edit[];
}

/** Bytes that are to be written over those of a binary. */
export interface Patch {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Why an edit cannot be made. */
export class EditRefusal extends Error {}

/**
 * What an edit writes, from the binary as it was published. Throws EditRefusal: the symbol is not there, or too short,
 * or what is there is not what is expected once.
 */
export function patchOf(
  edit: Edit,
  elf: Buffer,
  symbols: ReadonlyMap<string, ElfSymbol>,
  arch: Architecture,
): Patch {
  if ("calls" in edit) {
    const symbol = requireSymbol(symbols, edit.function);
    const bytes = forwardCode(symbol, requireSymbol(symbols, edit.calls), edit.argument, arch);
    if (bytes.length > symbol.size) throw new EditRefusal(`too short: ${symbol.size} bytes`);
    return { offset: symbol.offset, bytes };
  }
  if ("function" in edit) {
    const symbol = requireSymbol(symbols, edit.function);
    const bytes = codeFor(edit.becomes, arch);
    if (bytes.length > symbol.size) throw new EditRefusal(`too short: ${symbol.size} bytes`);
    return { offset: symbol.offset, bytes };
  }
  if ("data" in edit) {
    const { offset } = requireSymbol(symbols, edit.data);
    const from = Buffer.from(edit.from, "hex");
    if (!elf.subarray(offset, offset + from.length).equals(from)) throw new EditRefusal("has another value");
    return { offset, bytes: Buffer.from(edit.to, "hex") };
  }
  const place = edit.places[arch];
  if (place === undefined) throw new EditRefusal(`no code for ${arch}`);
  const { offset, size } = requireSymbol(symbols, edit.within);
  const code = elf.subarray(offset, offset + size);
  const [at, ...more] = placesOf(code, place.pattern);
  if (at === undefined) throw new EditRefusal("not found");
  if (more.length > 0) throw new EditRefusal(`ambiguous: ${more.length + 1} places`);
  return {
    offset: offset + at,
    bytes: place.becomes(Buffer.from(code.subarray(at, at + place.pattern.length / 2))),
  };
}

function forwardCode(from: ElfSymbol, to: ElfSymbol, argument: number, arch: Architecture): Buffer {
  if (arch === "x64") {
    // mov esi, argument; jmp to
    const bytes = Buffer.from("be00000000e900000000", "hex");
    bytes.writeInt32LE(argument, 1);
    bytes.writeInt32LE(to.address - (from.address + bytes.length), 6);
    return bytes;
  }
  // bti c; mov x1, argument; b to
  const bytes = Buffer.from("5f2403d5010080d200000014", "hex");
  bytes.writeUInt32LE((0xd2800001 | (argument << 5)) >>> 0, 4);
  bytes.writeUInt32LE((0x14000000 | (((to.address - (from.address + 8)) / 4) & 0x3ffffff)) >>> 0, 8);
  return bytes;
}

function requireSymbol(symbols: ReadonlyMap<string, ElfSymbol>, name: string): ElfSymbol {
  const symbol = symbols.get(name);
  if (symbol === undefined) throw new EditRefusal("no such symbol");
  return symbol;
}

function codeFor(code: Code, arch: Architecture): Buffer {
  const hex = code[arch];
  if (hex === undefined) throw new EditRefusal(`no code for ${arch}`);
  return Buffer.from(hex, "hex");
}

function placesOf(code: Buffer, pattern: string): number[] {
  const wanted = (pattern.match(/../g) ?? []).map((pair) =>
    pair === ".." ? undefined : Number.parseInt(pair, 16),
  );
  const found: number[] = [];
  for (let at = 0; at + wanted.length <= code.length; at++) {
    if (wanted.every((byte, index) => byte === undefined || code[at + index] === byte)) found.push(at);
  }
  return found;
}
