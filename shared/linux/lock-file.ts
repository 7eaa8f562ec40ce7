import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { lockExclusive } from "./flock.ts";
import { monotonicNow } from "./wait.ts";

const { O_RDWR, O_CREAT, O_NOFOLLOW, O_RDONLY, O_DIRECTORY } = constants;
const lockFileFlags = O_RDWR | O_CREAT | O_NOFOLLOW;

/**
 * How long a process waits for all its locks of one kind together. Who has held one for so long will not release it
 * for the second family or the next change either, and a runtime waits for a chain of plugins. While who has it is at
 * work, or the lock goes from one to the other of a crowd, it is worth waiting longer: who goes on without it makes the
 * plans of the others outdated.
 */
export class Patience {
  readonly #milliseconds: number;
  #left: number;
  #leftForAll: number;
  #holder: string | undefined;

  /**
   * @param milliseconds for one who holds it and does nothing.
   * @param forAll for all together who hold it one after the other.
   */
  constructor(milliseconds: number, forAll = milliseconds) {
    this.#milliseconds = milliseconds;
    this.#left = milliseconds;
    this.#leftForAll = forAll;
  }

  /** Waits in turns, at most for as long as is left; `wait` is told how long, and says whether to wait no more. */
  spend(wait: (milliseconds: number) => boolean, holder: () => string | undefined): void {
    for (;;) {
      const start = monotonicNow();
      const isDone = wait(Math.min(turn, this.#left, this.#leftForAll));
      const spent = monotonicNow() - start;
      this.#left = Math.max(0, this.#left - spent);
      this.#leftForAll = Math.max(0, this.#leftForAll - spent);
      if (isDone || this.#leftForAll === 0) return;
      const current = holder();
      const isMoving = current !== undefined && this.#holder !== undefined && current !== this.#holder;
      if (isMoving) this.#left = this.#milliseconds;
      this.#holder = current;
      if (this.#left === 0) return;
    }
  }
}

/** After how many milliseconds a waiter looks who has the lock. */
const turn = 500;

/**
 * Works while holding the lock of a file, which is made when it is not there, so that our own processes come one after
 * the other. For work that is right without the lock too: where the file cannot be made or locked, or the lock is not
 * free in time, it goes on without.
 *
 * @param work is given the file's descriptor, which a program that it starts may inherit to hold the lock as well, and
 *   whether it has the lock.
 */
export function withLockFile<T>(path: string, patience: Patience, work: Work<T>): T {
  return withLock(path, lockFileFlags, patience, work);
}

/** As above, but locks an existing directory; it is not created. */
export function withLockedDirectory<T>(path: string, patience: Patience, work: () => T): T {
  return withLock(path, O_RDONLY | O_DIRECTORY, patience, work);
}

type Work<T> = (fd: number | undefined, isLocked: boolean) => T;

function withLock<T>(path: string, flags: number, patience: Patience, work: Work<T>): T {
  const fd = openIfPossible(path, flags);
  try {
    return work(fd, lockIfPossible(fd, patience));
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Opens a lock file, which is made when it is not there. Returns undefined where that cannot be done. */
export function openLockFile(path: string): number | undefined {
  return openIfPossible(path, lockFileFlags);
}

/** Takes the lock of such a file if it is free in time, and returns whether it did; see `withLockFile`. */
export function lockIfPossible(fd: number | undefined, patience: Patience): boolean {
  if (fd === undefined) return false;
  let isLocked = false;
  patience.spend(
    (milliseconds) => {
      try {
        isLocked = lockExclusive(fd, milliseconds);
        return isLocked;
      } catch {
        // A file system without locks.
        return true;
      }
    },
    () => holderOf(fd),
  );
  return isLocked;
}

/**
 * The process that has a file's lock, and how long it has run so far (proc(5), /proc/locks and /proc/PID/stat, utime and
 * stime); undefined when nobody has it, or nothing tells.
 */
export function holderOf(fd: number): string | undefined {
  try {
    const { ino } = fstatSync(fd);
    const lines = readFileSync("/proc/locks", "utf8").split("\n");
    const line = lines.find((one) => one.includes(" FLOCK ") && one.includes(`:${ino} `));
    const pid = line?.split(/ +/)[4];
    if (pid === undefined) return undefined;
    const status = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [, user, system] = /^.*\) \S(?: \S+){10} (\d+) (\d+)/s.exec(status) ?? [];
    return [pid, user, system].join(" ");
  } catch {
    return undefined;
  }
}

function openIfPossible(path: string, flags: number): number | undefined {
  try {
    return openSync(path, flags, 0o600);
  } catch {
    return undefined;
  }
}
