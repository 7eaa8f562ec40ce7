import { closeSync } from "node:fs";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { lockExclusive, lockShared } from "../../shared/linux/flock.ts";
import { openLockFile } from "../../shared/linux/lock-file.ts";

/**
 * Keeps a failing ADD from removing a bridge, or an address of it, that another ADD is about to use: the kernel has no
 * request that removes them only if the bridge has no ports. An ADD holds the lock shared from its look at the bridge
 * until its port exists. To take something back, an ADD holds it alone from its look at the ports until that is
 * removed.
 */
const lockFile = "/run/cni-bridge.lock";

/** Whoever takes something back needs a few requests; longer waits mean that it was stopped. */
const attachMilliseconds = 10_000;
const takeBackMilliseconds = 1000;

/**
 * Runs work that looks for a bridge and adds a port. No ADD takes the bridge back meanwhile. Throws CniError code 11.
 */
export function whileAttaching<T>(work: () => T): T {
  const fd = openLockFile(lockFile);
  try {
    // On hosts where it cannot be locked at all, no ADD takes anything back.
    if (tryLock(fd, lockShared, attachMilliseconds) === "busy") {
      throw new CniError(
        ErrorCode.tryAgainLater,
        `${lockFile} stays locked`,
        "an ADD that failed takes back what it made, and does not get on: call ADD again",
      );
    }
    return work();
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/**
 * Runs work that takes something back while no ADD adds a port. Skips it without the lock: then it stays, as with the
 * Go plugin.
 */
export function whileNobodyAttaches(work: () => void): void {
  const fd = openLockFile(lockFile);
  try {
    if (tryLock(fd, lockExclusive, takeBackMilliseconds) === "locked") work();
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function tryLock(
  fd: number | undefined,
  lock: (fd: number, timeoutMilliseconds: number) => boolean,
  milliseconds: number,
): "locked" | "busy" | "impossible" {
  if (fd === undefined) return "impossible";
  try {
    return lock(fd, milliseconds) ? "locked" : "busy";
  } catch {
    return "impossible";
  }
}
