import { closeSync, constants, openSync } from "node:fs";
import { lockExclusive } from "./flock.ts";

/**
 * Works while holding the lock of a file, which is made when it is not there, so that our own processes come one after
 * the other. For work that is right without the lock too: where the file cannot be made or locked, or the lock is not
 * free in time, it goes on without.
 *
 * @param work is given the file's descriptor, which a program that it starts may inherit to hold the lock as well.
 */
export function withLockFile<T>(
  path: string,
  timeoutMilliseconds: number,
  work: (fd: number | undefined) => T,
): T {
  const fd = openLocked(path, timeoutMilliseconds);
  try {
    return work(fd);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function openLocked(path: string, timeoutMilliseconds: number): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch {
    return undefined;
  }
  try {
    lockExclusive(fd, timeoutMilliseconds);
  } catch {
    // A file system without locks.
  }
  return fd;
}
