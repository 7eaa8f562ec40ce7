import { constants, openSync } from "node:fs";
import { nodeErrno, SystemError } from "../errors/system-error.ts";
import { EEXIST } from "./errno.ts";
import { AT_FDCWD, AT_SYMLINK_FOLLOW, O_TMPFILE } from "./fcntl.ts";
import { call } from "./libc.ts";

// fcntl.h. O_TMPFILE is __O_TMPFILE (asm-generic/fcntl.h) with O_DIRECTORY, whose value differs by CPU.

const linkat = "int linkat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags)";

/**
 * Opens a new file without a name on the file system of `directory` (open(2), O_TMPFILE): nobody sees it, and it
 * vanishes with the process unless `linkUnnamedFile` gives it a name.
 *
 * @returns undefined when this file system has no such files; other failures are node:fs's.
 */
export function openUnnamedFile(directory: string, mode: number): number | undefined {
  try {
    return openSync(directory, O_TMPFILE | constants.O_RDWR, mode);
  } catch (error) {
    // EISDIR comes from kernels, and some FUSE servers, that do not know the flag.
    if (["EOPNOTSUPP", "ENOTSUP", "EISDIR", "EINVAL", "ENOSYS"].includes(nodeErrno(error) ?? ""))
      return undefined;
    throw error;
  }
}

/**
 * Gives an unnamed file its name, complete as it is.
 *
 * @returns false when something of that name exists already.
 * @throws SystemError
 */
export function linkUnnamedFile(fd: number, path: string): boolean {
  // link(2) would link the symbolic link in /proc, hence linkat with a flag; AT_EMPTY_PATH needs a capability.
  const outcome = call(linkat, AT_FDCWD, `/proc/self/fd/${fd}`, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
  if (outcome >= 0) return true;
  if (outcome === -EEXIST) return false;
  throw new SystemError(`cannot create ${path}`, outcome);
}
