import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import { asSystemError } from "../../../shared/errors/system-error.ts";
import { lockExclusive } from "../../../shared/linux/flock.ts";
import type { StoreSettings } from "../config.ts";
import { lockHolder } from "./lock-holder.ts";

/** The file that the Go plugin locks by flock(2). It must never be removed: then two processes could hold two locks. */
export const lockName = "lock";

/**
 * Does work while no other host-local, ours or the Go plugin, is at work in this directory.
 *
 * @throws SystemError when the lock file cannot be opened, CniError code 106 when somebody else holds it for too long.
 */
export function withLock<T>({ directory, lockTimeoutSeconds }: StoreSettings, work: () => T): T {
  const path = `${directory}/${lockName}`;
  const fd = openLock(path);
  try {
    if (!lockExclusive(fd, lockTimeoutSeconds * 1000)) {
      throw new CniError(
        ErrorCode.lockTimeout,
        `cannot lock ${path} within ${lockTimeoutSeconds} s: ${lockHolder(fstatSync(fd, { bigint: true }))}`,
        "another host-local works in this directory: see what that process waits for, end it if it hangs; " +
          'the key "lockTimeout" of ipam sets the seconds',
      );
    }
    return work();
  } finally {
    // Closing the file releases the lock.
    closeSync(fd);
  }
}

function openLock(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_CREAT, 0o750);
  } catch (error) {
    throw asSystemError(`cannot open lock file ${path}`, error);
  }
}
