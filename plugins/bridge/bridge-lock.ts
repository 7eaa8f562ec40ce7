import { closeSync } from "node:fs";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { lockExclusive, lockShared } from "../../shared/linux/flock.ts";
import { openLockFile } from "../../shared/linux/lock-file.ts";

/**
 * Keeps an ADD that fails from taking away what another one is about to use. The kernel has no request that deletes a
 * bridge, or an address of it, only while there are no ports. So who adds a port has the lock shared from its look at
 * the bridge until the port is there, and who takes something back has it alone from its look at the ports to the end.
 */
const lockFile = "/run/cni-bridge.lock";

/** Whoever takes something back needs a few requests; longer waits mean that it was stopped. */
const attachMilliseconds = 10_000;
const takeBackMilliseconds = 1000;

/** Looks for a bridge and adds a port: nobody takes the bridge away in between. Throws CniError code 11. */
export function whileAttaching<T>(work: () => T): T {
  const fd = openLockFile(lockFile);
  try {
    // Where it cannot be locked at all nobody takes anything back.
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

/** Takes something back while nobody adds a port. When that cannot be had it stays, as what the Go plugin makes. */
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
