import { readdirSync, rmSync } from "node:fs";
import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import { errnoAdvice } from "../../../shared/cni/errors/errno-advice.ts";
import { nodeErrno, SystemError } from "../../../shared/errors/system-error.ts";
import { Patience, withLockedDirectory } from "../../../shared/linux/lock-file.ts";

// The files of the records' directory, be they records or entries of the attachments' index.

/** Longer than a firewalld that does not answer is waited for. */
const lockPatience = new Patience(30_000);

/**
 * Runs `work` while no other call of ours changes records, or what they are about. So the last ADD for an address is the
 * one that its record names, and a late DEL of the former owner takes nothing away from the new one. Without the lock,
 * `work` runs all the same: there may be no directory, its file system may have no locks, or somebody holds it for too
 * long.
 */
export function underRecordLock<T>(directory: string, work: () => T): T {
  return withLockedDirectory(directory, lockPatience, work);
}

/** Removes a file if it exists. Throws CniError code 5. */
export function removeRecordFile(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch (error) {
    if (!isAbsent(error)) throw recordFailure("remove", file, error);
  }
}

/** The names in a directory; none when it does not exist. Throws CniError code 5. */
export function recordFileNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw recordFailure("list", directory, error);
  }
}

export function isAbsent(error: unknown): boolean {
  const errno = nodeErrno(error);
  return errno === "ENOENT" || errno === "ENOTDIR";
}

/** The CniError, code 5, for an error of node:fs: what was tried, and what the directory is for. */
export function recordFailure(verb: string, path: string, error: unknown): CniError {
  const errno = nodeErrno(error) ?? "EIO";
  const { message } = new SystemError(`cannot ${verb} ${path}`, errno);
  const advice = errnoAdvice(errno);
  const hint = "firewall keeps there which container has which address; dataDir chooses another directory";
  return new CniError(ErrorCode.ioFailure, message, advice === "" ? hint : `${advice}; ${hint}`, {
    cause: error,
  });
}
