import { entryPart } from "./entry-code.ts";
import { largestPage, PT, roundUp } from "./image.ts";
import { notesOf } from "./sea-blob.ts";
import type { SlimNode } from "./slim.ts";

/**
 * The file that is a program by each of several names.
 *
 * @param blobs one for each name, and behind them one for all other names.
 */
export function linkedFile(slim: SlimNode, names: readonly string[], blobs: readonly Buffer[]): Buffer {
  const { parts, marks } = notesOf(blobs, slim.end);
  const notes = marks.map(({ address, memorySize }) => ({ address, size: memorySize }));
  const otherwise = notes.at(-1);
  const last = marks.at(-1);
  if (otherwise === undefined || last === undefined) throw new Error("there is no program");
  const programs = names.map((name, index) => ({ name, ...(notes[index] ?? otherwise) }));
  const end = Math.max(...parts.map(({ address, memorySize }) => address + memorySize));
  const address = roundUp(end, largestPage);
  // Only one note is told of: that of the program chosen. Its program header comes last.
  const file = (noteHeader: number): Buffer => {
    const { architecture, entry: nodeEntry } = slim;
    const code = entryPart({ architecture, address, nodeEntry, noteHeader, programs, otherwise });
    return slim.file({ parts: [...parts, code], marks: [last], entry: address });
  };
  const draft = file(0);
  const count = draft.readUInt16LE(56);
  const at = 64 + 56 * (count - 1);
  if (draft.readUInt32LE(at) !== PT.NOTE) throw new Error("the last program header is not the note's");
  return file(slim.base + at);
}
