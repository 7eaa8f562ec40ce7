/**
 * A file in pieces, without its blank pages: written to a new file at their places, what is between them reads as zeros
 * and takes neither time nor memory. The form is our own: the number of pieces, the place and the length of each, and
 * then their bytes; numbers have four bytes, the lowest first.
 */
const pageSize = 4096;
const numberSize = 4;

export interface Piece {
  /** Where in the file it belongs. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Takes a file apart. Its last page is a piece even when it is blank, so that the file is as long. */
export function encodeSparse(file: Uint8Array): Uint8Array {
  const pieces: { offset: number; end: number }[] = [];
  for (let offset = 0; offset < file.length; offset += pageSize) {
    const end = Math.min(offset + pageSize, file.length);
    const isBlank = end < file.length && file.subarray(offset, end).every((byte) => byte === 0);
    const last = pieces.at(-1);
    if (isBlank) continue;
    if (last?.end === offset) last.end = end;
    else pieces.push({ offset, end });
  }
  const head = new DataView(new ArrayBuffer(numberSize * (1 + 2 * pieces.length)));
  head.setUint32(0, pieces.length, true);
  for (const [index, { offset, end }] of pieces.entries()) {
    head.setUint32(numberSize * (1 + 2 * index), offset, true);
    head.setUint32(numberSize * (2 + 2 * index), end - offset, true);
  }
  return Buffer.concat([
    new Uint8Array(head.buffer),
    ...pieces.map(({ offset, end }) => file.subarray(offset, end)),
  ]);
}

/** The pieces of a file, which share the memory. */
export function decodeSparse(encoded: ArrayBuffer): readonly Piece[] {
  const view = new DataView(encoded);
  const count = view.getUint32(0, true);
  let start = numberSize * (1 + 2 * count);
  return Array.from({ length: count }, (_none, index) => {
    const offset = view.getUint32(numberSize * (1 + 2 * index), true);
    const length = view.getUint32(numberSize * (2 + 2 * index), true);
    const bytes = new Uint8Array(encoded, start, length);
    start += length;
    return { offset, bytes };
  });
}
