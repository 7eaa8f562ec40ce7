import { Patience, withLockedDirectory } from "../../shared/linux/lock-file.ts";

/** More than what a firewalld that does not answer takes. */
const patience = new Patience(30_000);

/**
 * Runs `work` while no other call of ours changes what the records in this directory are about: who comes last knows
 * it, and what one call gives to an address is not taken away by the late DEL of another. Goes on without the lock
 * where there is none to be had: no directory, no locks in its file system, or somebody who has held it for too long.
 */
export function underRecordLock<T>(directory: string, work: () => T): T {
  return withLockedDirectory(directory, patience, work);
}
