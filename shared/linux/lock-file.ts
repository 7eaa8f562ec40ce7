import { closeSync, constants, openSync } from "node:fs";
import { lockExclusive } from "./flock.ts";
import { monotonicNow } from "./wait.ts";

const { O_RDWR, O_CREAT, O_NOFOLLOW, O_RDONLY, O_DIRECTORY } = constants;
const lockFileFlags = O_RDWR | O_CREAT | O_NOFOLLOW;

/**
 * How long a process waits for all its locks of one kind together. Who has held one for so long will not release it
 * for the second family or the next change either, and a runtime waits for a chain of plugins.
 */
export class Patience {
  #leftMilliseconds: number;

  constructor(milliseconds: number) {
    this.#leftMilliseconds = milliseconds;
  }

  /** Waits, at most for as long as is left of it; `wait` is told how long that is. */
  spend(wait: (milliseconds: number) => void): void {
    const start = monotonicNow();
    wait(this.#leftMilliseconds);
    this.#leftMilliseconds = Math.max(0, this.#leftMilliseconds - (monotonicNow() - start));
  }
}

/**
 * Works while holding the lock of a file, which is made when it is not there, so that our own processes come one after
 * the other. For work that is right without the lock too: where the file cannot be made or locked, or the lock is not
 * free in time, it goes on without.
 *
 * @param work is given the file's descriptor, which a program that it starts may inherit to hold the lock as well.
 */
export function withLockFile<T>(path: string, patience: Patience, work: (fd: number | undefined) => T): T {
  return withLock(path, lockFileFlags, patience, work);
}

/** The same with the lock of a directory, which is not made. */
export function withLockedDirectory<T>(path: string, patience: Patience, work: () => T): T {
  return withLock(path, O_RDONLY | O_DIRECTORY, patience, work);
}

function withLock<T>(
  path: string,
  flags: number,
  patience: Patience,
  work: (fd: number | undefined) => T,
): T {
  const fd = openIfPossible(path, flags);
  try {
    lockIfPossible(fd, patience);
    return work(fd);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Opens a lock file, which is made when it is not there. Returns undefined where that cannot be done. */
export function openLockFile(path: string): number | undefined {
  return openIfPossible(path, lockFileFlags);
}

/** Takes the lock of such a file if it is free in time; see `withLockFile`. */
export function lockIfPossible(fd: number | undefined, patience: Patience): void {
  if (fd === undefined) return;
  patience.spend((milliseconds) => {
    try {
      lockExclusive(fd, milliseconds);
    } catch {
      // A file system without locks.
    }
  });
}

function openIfPossible(path: string, flags: number): number | undefined {
  try {
    return openSync(path, flags, 0o600);
  } catch {
    return undefined;
  }
}
