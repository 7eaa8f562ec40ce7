/**
 * The pages of Node that usual calls touch. They come first in an executable's file, close together: after a boot the
 * kernel reads half of it. The lists are written by `npm run touched-pages`, for one Node binary each; with another
 * one the file keeps the order of the addresses.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Architecture } from "./elf.ts";

/** Addresses from `start` to before `end`. */
export interface AddressRange {
  readonly start: number;
  readonly end: number;
}

/** The kernel maps so many bytes around a page that is touched, if it has them: what is smaller gains nothing. */
const mappedAtOnce = 0x10000;

/** Each range is a mapping of its own, which every start pays for: smaller gaps than this are not worth it. */
const leastGap = 4 * mappedAtOnce;

/** The ranges of a Node binary as published; none when its list was made for another one. */
export function touchedRanges(published: Buffer, architecture: Architecture): readonly AddressRange[] {
  const file = listFile(architecture);
  if (!existsSync(file)) return [];
  const [hash, ...lines] = readFileSync(file, "utf8").trimEnd().split("\n");
  if (hash !== hashOf(published)) return [];
  return lines.map((line) => {
    const [start = 0, end = 0] = line.split("-").map((text) => Number.parseInt(text, 16));
    return { start, end };
  });
}

/** Writes the list of a Node binary. */
export function writeTouchedRanges(
  published: Buffer,
  architecture: Architecture,
  ranges: readonly AddressRange[],
): void {
  const lines = ranges.map(({ start, end }) => `${start.toString(16)}-${end.toString(16)}`);
  writeFileSync(listFile(architecture), `${[hashOf(published), ...lines].join("\n")}\n`);
}

/** Few ranges that have all of these pages, at borders at which the kernel maps. */
export function rangesOf(pages: Iterable<number>): readonly AddressRange[] {
  const ranges: { start: number; end: number }[] = [];
  for (const page of [...new Set(pages)].sort((a, b) => a - b)) {
    const start = page - (page % mappedAtOnce);
    const last = ranges.at(-1);
    if (last !== undefined && start - last.end < leastGap) last.end = start + mappedAtOnce;
    else ranges.push({ start, end: start + mappedAtOnce });
  }
  return ranges;
}

function listFile(architecture: Architecture): string {
  return join(import.meta.dirname, "touched-pages", `${architecture}.txt`);
}

function hashOf(published: Buffer): string {
  return `sha256 ${createHash("sha256").update(published).digest("hex")}`;
}
