import { closeSync, constants, openSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { lazy } from "../../shared/basics/lazy.ts";
import type { Attachment } from "../../shared/cni/attachments.ts";
import {
  configObject,
  decode,
  optionalBoolean,
  optionalInteger,
  optionalText,
} from "../../shared/cni/config-schema.ts";
import { readJson } from "../../shared/cni/json-read.ts";
import { asSystemError, nodeErrno } from "../../shared/errors/system-error.ts";
import { makeDirectory } from "../../shared/linux/make-directory.ts";
import { readSmallFile } from "../../shared/linux/small-file.ts";
import type { LinkSettings } from "./link-settings.ts";

// A backup is a file with the settings that an attachment's interface had before ADD. The Go plugin reads and writes the
// same files, so each plugin can restore an interface that the other one tuned.

const backupSchema = lazy(() =>
  configObject({
    mac: optionalText,
    promisc: optionalBoolean,
    mtu: optionalInteger,
    allmulti: optionalBoolean,
    txQLen: optionalInteger,
  }),
);

/** The content of a backup file with these settings. */
export function formatBackup({ mac, promisc, mtu, allmulti, txQueueLength }: LinkSettings): string {
  return JSON.stringify({ mac, promisc, mtu, allmulti, txQLen: txQueueLength }, null, 1);
}

/** The settings in a backup file's content; undefined when the content is no backup's. */
export function parseBackup(content: string): LinkSettings | undefined {
  try {
    const { mac, promisc, mtu, allmulti, txQLen } = decode(backupSchema(), readJson(content), "backup");
    return {
      ...(mac !== undefined && mac !== "" && { mac }),
      ...(promisc !== undefined && { promisc }),
      ...(mtu !== undefined && mtu !== 0 && { mtu }),
      ...(allmulti !== undefined && { allmulti }),
      ...(txQLen !== undefined && { txQueueLength: txQLen }),
    };
  } catch {
    return undefined;
  }
}

/** The settings to save now: those of an earlier ADD's backup first, since the values before the first ADD are the originals. */
export function mergeBackups(earlier: LinkSettings | undefined, now: LinkSettings): LinkSettings {
  return { ...now, ...earlier };
}

const suffix = ".json";
const networkSuffix = ".network";

/** The path of an attachment's backup file; the Go plugin names it alike. */
export function backupPath(dataDir: string, { containerId, ifname }: Attachment): string {
  return join(dataDir, `${containerId}_${ifname}${suffix}`);
}

/** The content of a backup file; undefined when there is none. Throws SystemError. */
export function readBackup(path: string): string | undefined {
  try {
    return readSmallFile(path);
  } catch (error) {
    if (nodeErrno(error) === "ENOENT" || nodeErrno(error) === "ENOTDIR") return undefined;
    throw asSystemError(`cannot read backup file ${path}`, error);
  }
}

/**
 * Writes a backup file as a whole or not at all, and creates its directory. A second file beside it holds the network's
 * name for GC: the Go plugin's format has no place for it.
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

/** The backup files of a network's attachments, without those of the Go plugin, which have no network. Throws SystemError. */
export function backupsOf(dataDir: string, network: string): string[] {
  return namesIn(dataDir)
    .filter((name) => name.startsWith(".") && name.endsWith(networkSuffix))
    .filter((name) => readBackup(join(dataDir, name)) === network)
    .map((name) => join(dataDir, `${name.slice(1, -networkSuffix.length)}${suffix}`));
}

/** Removes a backup file, the file with its network, and an unfinished one of a killed ADD. Throws SystemError. */
export function removeBackup(path: string): void {
  try {
    rmSync(unfinishedPath(path), { force: true });
    rmSync(path, { force: true });
    rmSync(networkPath(path), { force: true });
  } catch (error) {
    throw asSystemError(`cannot remove backup file ${path}`, error);
  }
}

/** One name for each attachment: the next call finds the file of a killed ADD. Names of backups do not start with a dot. */
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
