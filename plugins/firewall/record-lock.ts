import { closeSync, constants, openSync } from "node:fs";
import { lockExclusive } from "../../shared/linux/flock.ts";

/** More than what a firewalld that does not answer takes. */
const timeoutMilliseconds = 30_000;

/**
 * Runs `work` while no other call of ours changes what the records in this directory are about: who comes last knows
 * it, and what one call gives to an address is not taken away by the late DEL of another. Goes on without the lock
 * where there is none to be had: no directory, no locks in its file system, or somebody who has held it for too long.
 */
export function underRecordLock<T>(directory: string, work: () => T): T {
  const fd = openDirectory(directory);
  try {
    return work();
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function openDirectory(directory: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
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
