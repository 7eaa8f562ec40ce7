import { SystemError } from "../errors/system-error.ts";
import { EAGAIN } from "./errno.ts";
import { call } from "./libc.ts";
import { monotonicNow, sleep } from "./wait.ts";

// sys/file.h
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

const flock = "int flock(int fd, int operation)";

/**
 * Takes the exclusive flock(2) lock of an open file, the kind that the Go plugins use. The lock goes with the open
 * file, at the latest when the process ends.
 *
 * @param timeoutMilliseconds how long to wait when somebody else has it; 0 tries once.
 * @returns false when it was not free in time.
 * @throws SystemError when the file cannot be locked at all.
 */
export function lockExclusive(fd: number, timeoutMilliseconds: number): boolean {
  return lock(fd, LOCK_EX, timeoutMilliseconds);
}

/** The same with the shared lock: any number may have it, while nobody has the exclusive one. */
export function lockShared(fd: number, timeoutMilliseconds: number): boolean {
  return lock(fd, LOCK_SH, timeoutMilliseconds);
}

function lock(fd: number, kind: number, timeoutMilliseconds: number): boolean {
  const deadline = monotonicNow() + timeoutMilliseconds;
  for (let wait = 0.2; ; wait = Math.min(wait * 2, 20)) {
    const outcome = call(flock, fd, kind | LOCK_NB);
    if (outcome >= 0) return true;
    if (outcome !== -EAGAIN) throw new SystemError("cannot lock file", outcome);
    if (monotonicNow() >= deadline) return false;
    // Waiters that wake in step would find the lock taken in step.
    sleep(wait * (0.5 + Math.random()));
  }
}

/** Releases the lock. */
export function unlock(fd: number): void {
  call(flock, fd, LOCK_UN);
}
