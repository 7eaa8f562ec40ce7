import { constants } from "node:fs";

// asm-generic/fcntl.h, linux/fcntl.h: constants that node:fs does not have.
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
/** __O_TMPFILE with O_DIRECTORY, whose value depends on the CPU. */
export const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
export const AT_FDCWD = -100;
export const AT_SYMLINK_FOLLOW = 0x400;
