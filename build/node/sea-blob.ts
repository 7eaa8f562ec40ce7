/**
 * What pkg puts into a Node binary: the blob of a single executable application, as an ELF note (postject's
 * postject-api.h; node::sea::FindSingleExecutableBlob in src/node_sea.cc).
 */

import { elfNote, marksOf, PF, PT, roundUp } from "./image.ts";
import type { Addition } from "./slim.ts";

const noteName = "NODE_SEA_BLOB";
/** Node looks for a blob where postject has made the last character of this a 1. */
export const seaFuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:";
const noteHeaderSize = 12;

/** The blob within an executable that pkg has written. */
export function blobOf(packed: Buffer): Buffer {
  for (const { type, offset, fileSize } of marksOf(packed)) {
    if (type !== PT.NOTE) continue;
    for (let at = offset; at + noteHeaderSize < offset + fileSize; ) {
      const [nameSize, size] = [packed.readUInt32LE(at), packed.readUInt32LE(at + 4)];
      const start = at + noteHeaderSize + ((nameSize + 3) & ~3);
      if (packed.toString("latin1", at + noteHeaderSize, at + noteHeaderSize + nameSize) === `${noteName}\0`)
        return packed.subarray(start, start + size);
      at = start + ((size + 3) & ~3);
    }
  }
  throw new Error("pkg's executable has no blob");
}

/** One part from an address on with a note for each blob, each on pages of its own, and a mark for each. */
export function notesOf(blobs: readonly Buffer[], address: number): Addition {
  const chunks: Buffer[] = [];
  let length = 0;
  const marks = blobs.map((blob) => {
    const note = elfNote(noteName, 0, blob);
    const start = roundUp(length, notePageSize);
    chunks.push(Buffer.alloc(start - length), note);
    length = start + note.length;
    const size = { fileSize: note.length, memorySize: note.length };
    return { type: PT.NOTE, flags: PF.readable, address: address + start, ...size, align: 4 };
  });
  const bytes = Buffer.concat(chunks);
  return { parts: [{ address, bytes, memorySize: bytes.length, flags: PF.readable }], marks };
}

const notePageSize = 0x1000;
