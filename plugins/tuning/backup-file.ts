import { closeSync, constants, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Request } from "../../shared/cni/plugin.ts";
import { asSystemError, nodeErrno } from "../../shared/errors/system-error.ts";
import { makeDirectory } from "../../shared/linux/make-directory.ts";

/** Where the settings that an attachment's interface had before are kept. The Go plugin has the same name. */
export function backupPath(dataDir: string, { containerId, ifname }: Request): string {
  return join(dataDir, `${containerId}_${ifname}.json`);
}

/** The content of a backup file; undefined when there is none. Throws SystemError. */
export function readBackup(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (nodeErrno(error) === "ENOENT" || nodeErrno(error) === "ENOTDIR") return undefined;
    throw asSystemError(`cannot read backup file ${path}`, error);
  }
}

/** Writes a backup file as a whole or not at all, and makes its directory if need be. Throws SystemError. */
export function writeBackup(path: string, content: string): void {
  try {
    makeDirectory(dirname(path), 0o700);
  } catch (error) {
    throw asSystemError(`failed to create backup directory ${dirname(path)}`, error);
  }
  const unfinished = unfinishedPath(path);
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
    const file = openSync(unfinished, flags, 0o600);
    try {
      writeFileSync(file, content);
    } finally {
      closeSync(file);
    }
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw asSystemError(`failed to save backup file ${path}`, error);
  }
}

/** Removes a backup file and what a killed ADD may have left of it. Throws SystemError. */
export function removeBackup(path: string): void {
  try {
    rmSync(unfinishedPath(path), { force: true });
    rmSync(path, { force: true });
  } catch (error) {
    throw asSystemError(`cannot remove backup file ${path}`, error);
  }
}

/** One name for each attachment, so that a file that a killed ADD left is found again. Backups do not start with a dot. */
function unfinishedPath(path: string): string {
  return join(dirname(path), `.${path.slice(dirname(path).length + 1)}.new`);
}
