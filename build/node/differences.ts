/** Where an executable is another than these sources make of the published Node. */
import { outcomesOf } from "./apply.ts";
import { changes } from "./changes.ts";
import type { ElfSymbol } from "./elf.ts";
import { marksOf, PT } from "./image.ts";
import type { FileRange } from "./unused-data.ts";

/** What an executable should be. */
interface Expected {
  readonly bytes: Buffer;
  /** Node's symbols. */
  readonly symbols: readonly ElfSymbol[];
  /** The addresses from which on koffi's addon follows Node, and programs follow that. */
  readonly endOfNode: number;
  readonly endOfAddon: number;
}

/** Bytes of an executable that are others than they should be, and what they are part of. */
interface Difference {
  readonly offset: number;
  readonly length: number;
  readonly part: string;
}

/** The first differences, at most a hundred; none when the executable is what it should be. */
export function differencesFrom(expected: Expected, actual: Buffer): readonly Difference[] {
  const differences: Difference[] = [];
  const { bytes } = expected;
  const length = Math.max(bytes.length, actual.length);
  for (let offset = 0; offset < length && differences.length < 100; ) {
    if (bytes[offset] === actual[offset]) {
      offset += sameFrom(bytes, actual, offset);
      continue;
    }
    const start = offset;
    while (offset < length && bytes[offset] !== actual[offset]) offset++;
    differences.push({ offset: start, length: offset - start, part: partAt(expected, start) });
  }
  return differences;
}

/** How many bytes are the same from a place where one is. */
function sameFrom(one: Buffer, other: Buffer, start: number): number {
  const block = 1 << 16;
  let at = start;
  while (at + block <= one.length && one.compare(other, at, at + block, at, at + block) === 0) at += block;
  if (at > start) return at - start;
  while (at < one.length && one[at] === other[at] && at - start < block) at++;
  return Math.max(1, at - start);
}

function partAt({ bytes, symbols, endOfNode, endOfAddon }: Expected, offset: number): string {
  const load = marksOf(bytes).find(
    (mark) => mark.type === PT.LOAD && offset >= mark.offset && offset < mark.offset + mark.fileSize,
  );
  if (load === undefined)
    return offset < bytes.length ? "padding, or the stamp at the end" : "more than there should be";
  if (load.offset === 0) return "headers, and tables for ld.so";
  const address = load.address + offset - load.offset;
  if (address >= endOfAddon) return "the programs, or the code that chooses one";
  if (address >= endOfNode) return "koffi's addon";
  const symbol = symbols.find((one) => one.address <= address && address < one.address + one.size);
  return symbol === undefined ? `Node, at 0x${address.toString(16)}` : `Node, ${symbol.name}`;
}

/** What in an executable is not as in the published Node, a line each. */
export function declared(
  published: Buffer,
  symbols: ReadonlyMap<string, ElfSymbol>,
  unused: readonly FileRange[],
): readonly string[] {
  const leftOut = unused.map(({ what, start, end }) => `left out: ${what}, ${end - start} bytes`);
  return [...changedIn(published, symbols), ...leftOut];
}

function changedIn(published: Buffer, symbols: ReadonlyMap<string, ElfSymbol>): readonly string[] {
  return outcomesOf(published, symbols, changes).map(({ change, patches, refusal }) => {
    const size = patches.reduce((sum, { bytes }) => sum + bytes.length, 0);
    return refusal === undefined
      ? `changed: ${change.name} (${change.kind}), ${size} bytes in ${patches.length} places`
      : `not changed: ${change.name}, ${refusal}`;
  });
}
