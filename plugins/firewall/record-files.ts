import { readdirSync, rmSync } from "node:fs";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { errnoAdvice } from "../../shared/cni/errors/errno-advice.ts";
import { nodeErrno, SystemError } from "../../shared/errors/system-error.ts";

// What the records and the marks of attachments have in common: files of one directory, with failures in words.

/** Removes a file; nothing happens when there is none. Throws CniError code 5. */
export function removeFile(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch (error) {
    if (!isAbsent(error)) throw recordFailure("remove", file, error);
  }
}

/** The names in a directory; none where there is none. Throws CniError code 5. */
export function fileNames(directory: string): readonly string[] {
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

/** An error of node:fs in words: code 5, what was tried, and what the directory is for. */
export function recordFailure(verb: string, path: string, error: unknown): CniError {
  const errno = nodeErrno(error) ?? "EIO";
  const { message } = new SystemError(`cannot ${verb} ${path}`, errno);
  const advice = errnoAdvice(errno);
  const hint = "firewall keeps there which container has which address; dataDir chooses another directory";
  return new CniError(ErrorCode.ioFailure, message, advice === "" ? hint : `${advice}; ${hint}`, {
    cause: error,
  });
}
