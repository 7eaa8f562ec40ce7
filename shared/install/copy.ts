import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { Failure } from "../errors/failure.ts";
import { call } from "../linux/libc.ts";
import { attempt, requireDone } from "./attempt.ts";
import type { Self } from "./self.ts";

const ioctl = "int ioctl(int fd, unsigned long request, int argument)";
const fchmod = "int fchmod(int fd, unsigned int mode)";
const fchown = "int fchown(int fd, unsigned int owner, unsigned int group)";
const posix_fadvise = "int posix_fadvise(int fd, int64_t offset, int64_t length, int advice)";
// linux/fs.h: _IOW(0x94, 9, int); linux/fadvise.h
const FICLONE = 0x40049409;
const POSIX_FADV_DONTNEED = 4;

/** The mode of an executable. */
const mode = 0o755;
const blockSize = 1 << 20;

/**
 * Writes the running executable to a new file, complete and on the disk when it returns. Where the file system can, the
 * file shares the disk's blocks (FICLONE, ioctl_ficlone(2)).
 *
 * @throws SystemError, or a Failure when the file has something else than what was written to it.
 */
export function writeCopy(self: Self, path: string): void {
  const advice = `${Math.ceil(self.size / 1e6)} MB of free space are needed there`;
  attempt(`cannot write ${path}`, advice, () => {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o700);
    try {
      if (call(ioctl, fd, FICLONE, self.fd) < 0) copyContent(self, fd);
      if (process.geteuid?.() === 0) requireDone(`cannot give ${path} to root`, "", call(fchown, fd, 0, 0));
      // The umask does not count here.
      requireDone(`cannot make ${path} executable`, "", call(fchmod, fd, mode));
      fsyncSync(fd);
      // What is read then comes from the disk.
      call(posix_fadvise, fd, 0, 0, POSIX_FADV_DONTNEED);
      if (!hasContentOf(self, fd)) {
        throw new Failure("unusable", `${path} has something else than what was written to it`, {
          advice: "the disk or its file system is damaged",
        });
      }
    } finally {
      closeSync(fd);
    }
  });
}

/** Whether a path is a regular file like the one that `writeCopy` makes of the running executable. */
export function isCopy(self: Self, path: string): boolean {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined || !status.isFile() || (status.mode & 0o7777) !== mode) return false;
  if (status.size !== self.size || status.uid !== process.geteuid?.()) return false;
  return attempt(`cannot read ${path}`, "", () => {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      return hasContentOf(self, fd);
    } finally {
      closeSync(fd);
    }
  });
}

function copyContent(self: Self, fd: number): void {
  const block = Buffer.allocUnsafe(blockSize);
  for (let offset = 0; offset < self.size; ) {
    const length = readSync(self.fd, block, 0, block.length, offset);
    for (let written = 0; written < length; ) {
      written += writeSync(fd, block, written, length - written, offset + written);
    }
    if (length === 0) return;
    offset += length;
  }
}

function hasContentOf(self: Self, fd: number): boolean {
  if (fstatSync(fd).size !== self.size) return false;
  const [expected, actual] = [Buffer.allocUnsafe(blockSize), Buffer.allocUnsafe(blockSize)];
  for (let offset = 0; offset < self.size; offset += blockSize) {
    const length = readBlock(self.fd, expected, offset);
    if (readBlock(fd, actual, offset) !== length) return false;
    if (Buffer.compare(expected.subarray(0, length), actual.subarray(0, length)) !== 0) return false;
  }
  return true;
}

function readBlock(fd: number, block: Buffer, position: number): number {
  for (let length = 0; ; ) {
    const read = readSync(fd, block, length, block.length - length, position + length);
    if (read === 0) return length;
    length += read;
  }
}
