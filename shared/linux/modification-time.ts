import { SystemError } from "../errors/system-error.ts";
import { AT_FDCWD } from "./fcntl.ts";
import { call } from "./libc.ts";

const UTIME_OMIT = 0x3ffffffen; // linux/stat.h
const utimensat = "int utimensat(int dirfd, const char *path, void *times, int flags)";
const second = 1_000_000_000n;

/**
 * Sets when a file or directory was changed last, and leaves alone when it was read. node:fs would take the time as a
 * double, which has no room for nanoseconds.
 *
 * @param time nanoseconds since 1970, not before.
 * @throws SystemError
 */
export function setModificationTime(path: string, time: bigint): void {
  // struct timespec times[2]: access, modification.
  const times = new BigInt64Array([0n, UTIME_OMIT, time / second, time % second]);
  const outcome = call(utimensat, AT_FDCWD, path, new Uint8Array(times.buffer), 0);
  if (outcome < 0) throw new SystemError(`cannot set the time of ${path}`, outcome);
}
