import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { Failure } from "../errors/failure.ts";

/** Bytes: larger than any file that a person or a plugin writes. */
const usualLimit = 1024 * 1024;

/**
 * The content of a regular file. A pipe or a device under the name is not read: reading it might never end or never
 * begin.
 *
 * @param limit bytes that the file may have.
 * @throws Failure `unusable` for anything but a regular file, or for a larger one; node:fs's errors.
 */
export function readSmallFile(path: string, limit = usualLimit): string {
  // Opening a pipe would wait for its other end.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) throw unfit(`${path} is not a regular file`, limit);
    const parts: Buffer[] = [];
    let length = 0;
    for (;;) {
      const part = Buffer.allocUnsafe(Math.min(Math.max(status.size - length, 0), limit) + 1024);
      const read = readSync(fd, part);
      if (read === 0) return Buffer.concat(parts).toString("utf8");
      length += read;
      if (length > limit) throw unfit(`${path} has more than ${limit} bytes`, limit);
      parts.push(part.subarray(0, read));
    }
  } finally {
    closeSync(fd);
  }
}

function unfit(cause: string, limit: number): Failure {
  return new Failure("unusable", cause, { advice: `it has to be a regular file of at most ${limit} bytes` });
}
