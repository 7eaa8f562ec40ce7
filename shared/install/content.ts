import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { type About, aboutOf } from "../executable/about.ts";
import { stampState } from "../executable/stamp.ts";
import { readElf } from "./elf.ts";
import { type GoProgram, infoStart, parseGoProgram } from "./go-program.ts";

/** What a file is by its content. It is read, never run. */
export type Content =
  | { readonly kind: "ours"; readonly about: About; readonly isDamaged: boolean }
  | { readonly kind: "go"; readonly program: GoProgram }
  /** For this machine, and whole as far as its headers tell. */
  | { readonly kind: "program" }
  | { readonly kind: "script"; readonly interpreter: string }
  | { readonly kind: "other architecture"; readonly architecture: string }
  | { readonly kind: "cut off"; readonly size: number; readonly length: number }
  | { readonly kind: "empty" }
  | { readonly kind: "no program" };

const blockSize = 1 << 20;
/** More than Go tells of any plugin. */
const longestInfo = 1 << 16;

/** Throws node:fs's errors. */
export function contentOf(path: string): Content {
  // Opening a pipe would wait for its other end.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return read(fd, fstatSync(fd).size);
  } finally {
    closeSync(fd);
  }
}

function read(fd: number, size: number): Content {
  if (size === 0) return { kind: "empty" };
  const readAt = (position: number, length: number): Buffer => {
    const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - position)));
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, position));
  };
  const elf = readElf(readAt);
  if (elf === undefined) {
    const [, interpreter] = /^#!\s*([^\n]*)/.exec(readAt(0, 128).toString("latin1")) ?? [];
    return interpreter === undefined ? { kind: "no program" } : { kind: "script", interpreter };
  }
  const { architecture, length } = elf;
  if (architecture !== process.arch) return { kind: "other architecture", architecture };
  if (length > size) return { kind: "cut off", size, length };
  const about = aboutOf(fd, size);
  if (about !== undefined) return { kind: "ours", about, isDamaged: stampState(fd, size) !== "intact" };
  const program = goProgramIn(size, readAt);
  return program === undefined ? { kind: "program" } : { kind: "go", program };
}

/** Searches the whole file: where it is differs by Go's release. */
function goProgramIn(
  size: number,
  readAt: (position: number, length: number) => Buffer,
): GoProgram | undefined {
  const sought = `${infoStart}path\t`;
  for (let position = 0; position < size; position += blockSize) {
    const block = readAt(position, blockSize + sought.length).toString("latin1");
    const found = block.indexOf(sought);
    if (found === -1) continue;
    const info = readAt(position + found + infoStart.length, longestInfo).toString("latin1");
    const program = parseGoProgram(info);
    if (program !== undefined) return program;
  }
  return undefined;
}
