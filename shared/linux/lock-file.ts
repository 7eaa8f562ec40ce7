import { closeSync, constants, openSync } from "node:fs";
import { lockExclusive } from "./flock.ts";

const { O_RDWR, O_CREAT, O_NOFOLLOW, O_RDONLY, O_DIRECTORY } = constants;

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
  return withLock(path, O_RDWR | O_CREAT | O_NOFOLLOW, timeoutMilliseconds, work);
}

/** The same with the lock of a directory, which is not made. */
export function withLockedDirectory<T>(path: string, timeoutMilliseconds: number, work: () => T): T {
  return withLock(path, O_RDONLY | O_DIRECTORY, timeoutMilliseconds, work);
}

function withLock<T>(
  path: string,
  flags: number,
  timeoutMilliseconds: number,
  work: (fd: number | undefined) => T,
): T {
  const fd = openLocked(path, flags, timeoutMilliseconds);
  try {
    return work(fd);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function openLocked(path: string, flags: number, timeoutMilliseconds: number): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, flags, 0o600);
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
