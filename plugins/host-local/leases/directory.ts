import {
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { asSystemError, nodeErrno } from "../../../shared/errors/system-error.ts";
import { parseIp } from "../../../shared/ip/address.ts";
import { makeDirectory } from "../../../shared/linux/make-directory.ts";
import { readSmallFile } from "../../../shared/linux/small-file.ts";
import { isCursorName } from "../ranges/cursor.ts";
import { type Lease, parseLease } from "./lease.ts";
import { lockName } from "./lock.ts";

/** A file of the directory. The name of a lease is its address. */
export interface LeaseFile {
  readonly name: string;
  readonly lease: Lease;
}

/** Creates the directory and those above it, and syncs them to the disk. Throws SystemError. */
export function ensureDirectory(directory: string): void {
  try {
    const wanted = resolve(directory);
    const first = makeDirectory(wanted, 0o755);
    if (first === undefined) return;
    for (let made = wanted; made.length >= first.length; made = dirname(made)) sync(dirname(made));
  } catch (error) {
    throw asSystemError(`cannot create lease directory ${directory}`, error);
  }
}

export function directoryExists(directory: string): boolean {
  return statSync(directory, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Syncs the names of new files to the disk. Throws SystemError. */
export function syncDirectory(directory: string): void {
  try {
    sync(directory);
  } catch (error) {
    throw asSystemError(`cannot make leases in ${directory} durable`, error);
  }
}

function sync(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads every file of the directory, whatever its name, as the Go plugin does, except lock and cursors: the ID of a
 * container may look like the address in a cursor. Leaves out files that vanish or cannot be read.
 *
 * @throws SystemError when the directory cannot be read.
 */
export function readLeases(directory: string): LeaseFile[] {
  try {
    const files: LeaseFile[] = [];
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const { name } = entry;
      if (name === lockName || isCursorName(name) || !(entry.isFile() || entry.isSymbolicLink())) continue;
      const lease = readLease(directory, name);
      if (lease !== undefined) files.push({ name, lease });
    }
    return files;
  } catch (error) {
    throw asSystemError(`cannot read leases in ${directory}`, error);
  }
}

/** The lease in a file; undefined when the file does not exist or cannot be read. */
export function readLease(directory: string, name: string): Lease | undefined {
  const text = readLeaseText(join(directory, name));
  return text === undefined ? undefined : parseLease(text);
}

/** The names of the directory. Throws SystemError. */
export function listNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    throw asSystemError(`cannot read leases in ${directory}`, error);
  }
}

/** The time of a lease in ISO 8601, for messages. */
export function leasedSince(directory: string, name: string): string {
  const time = lstatSync(join(directory, name), { throwIfNoEntry: false })?.mtime;
  return time?.toISOString() ?? "just now";
}

/** True for the name of a lease, which is an address. */
export function isLeaseName(name: string): boolean {
  return parseIp(name) !== undefined;
}

/** Removes a file; it may be gone already. Throws SystemError. */
export function removeLeaseFile(directory: string, name: string): void {
  const path = join(directory, name);
  try {
    unlinkSync(path);
  } catch (error) {
    if (nodeErrno(error) !== "ENOENT") throw asSystemError(`cannot release lease ${path}`, error);
  }
}

/** Longer than nearly every lease: container IDs of runtimes have 64 characters. */
const buffer = Buffer.alloc(4096);

function readLeaseText(path: string): string | undefined {
  const fd = openIfReadable(path);
  if (fd === undefined) return undefined;
  try {
    const length = readSync(fd, buffer);
    // An ID may be as long as a variable of the environment.
    return length < buffer.length ? buffer.toString("utf8", 0, length) : readSmallFile(path);
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function openIfReadable(path: string): number | undefined {
  try {
    // Never wait for the other end of a pipe.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}
