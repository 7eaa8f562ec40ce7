import { closeSync, constants, openSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Attachment } from "../../shared/cni/attachments.ts";
import { asSystemError, nodeErrno } from "../../shared/errors/system-error.ts";
import { makeDirectory } from "../../shared/linux/make-directory.ts";
import { readSmallFile } from "../../shared/linux/small-file.ts";

const suffix = ".json";
const networkSuffix = ".network";

/** Where the settings that an attachment's interface had before are kept. The Go plugin has the same name. */
export function backupPath(dataDir: string, { containerId, ifname }: Attachment): string {
  return join(dataDir, `${containerId}_${ifname}${suffix}`);
}

/** The content of a backup file; undefined when there is none. Throws CniError. */
export function readBackup(path: string): string | undefined {
  try {
    return readSmallFile(path);
  } catch (error) {
    if (nodeErrno(error) === "ENOENT" || nodeErrno(error) === "ENOTDIR") return undefined;
    throw asSystemError(`cannot read backup file ${path}`, error);
  }
}

/**
 * Writes a backup file as a whole or not at all, and makes its directory if need be. A file beside it tells GC the
 * network, which the Go plugin's format has no place for.
 *
 * @throws SystemError
 */
export function writeBackup(path: string, content: string, network: string): void {
  try {
    makeDirectory(dirname(path), 0o700);
  } catch (error) {
    throw asSystemError(`failed to create backup directory ${dirname(path)}`, error);
  }
  const unfinished = unfinishedPath(path);
  try {
    writeNew(networkPath(path), network);
    writeNew(unfinished, content);
    renameSync(unfinished, path);
  } catch (error) {
    rmSync(unfinished, { force: true });
    if (readBackup(path) === undefined) rmSync(networkPath(path), { force: true });
    throw asSystemError(`failed to save backup file ${path}`, error);
  }
}

function writeNew(path: string, content: string): void {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
  const file = openSync(path, flags, 0o600);
  try {
    writeFileSync(file, content);
  } finally {
    closeSync(file);
  }
}

/**
 * The backup files in a directory that were made for attachments of a network; nothing tells the network of those that
 * the Go plugin made. Throws SystemError.
 */
export function backupsOf(dataDir: string, network: string): string[] {
  return namesIn(dataDir)
    .filter((name) => name.startsWith(".") && name.endsWith(networkSuffix))
    .filter((name) => readBackup(join(dataDir, name)) === network)
    .map((name) => join(dataDir, `${name.slice(1, -networkSuffix.length)}${suffix}`));
}

/** Removes a backup file, and what is beside it or what a killed ADD may have left of it. Throws SystemError. */
export function removeBackup(path: string): void {
  try {
    rmSync(unfinishedPath(path), { force: true });
    rmSync(path, { force: true });
    rmSync(networkPath(path), { force: true });
  } catch (error) {
    throw asSystemError(`cannot remove backup file ${path}`, error);
  }
}

/** One name for each attachment, so that a file that a killed ADD left is found again. Backups do not start with a dot. */
function unfinishedPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.new`);
}

function networkPath(path: string): string {
  return join(dirname(path), `.${basename(path, suffix)}${networkSuffix}`);
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (nodeErrno(error) === "ENOENT" || nodeErrno(error) === "ENOTDIR") return [];
    throw asSystemError(`cannot list backup directory ${directory}`, error);
  }
}
