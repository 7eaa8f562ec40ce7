import { lstatSync, readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { Attachment } from "../../../shared/cni/attachments.ts";
import { isIdentifier } from "../../../shared/cni/environment.ts";
import { sha512 } from "../../../shared/cni/sha512.ts";
import { nodeErrno } from "../../../shared/errors/system-error.ts";
import type { Lease } from "../leases/lease.ts";
import { trimSpace } from "../white-space.ts";
import { type BootToken, isBootToken } from "./boot.ts";

/** A lease in the record of its attachment. */
export interface RecordedLease {
  /** Its address, the name of its file. */
  readonly name: string;
  /** See `fileIdentity`. */
  readonly file: string;
  /** The boot in which it was first seen. */
  readonly boot: BootToken;
}

/**
 * The text of a record: the tokens of boots, and behind each the leases that were first seen in it. With one IPv4
 * address it stays below 60 bytes, which ext4 keeps in the inode.
 */
export function formatRecord(leases: readonly RecordedLease[]): string {
  const words: string[] = [];
  let boot = "";
  for (const lease of leases) {
    if (lease.boot !== boot) words.push(lease.boot);
    boot = lease.boot;
    words.push(lease.name, lease.file);
  }
  return words.join(" ");
}

/** The leases of a record; undefined for any other text, and for a record that has no room for its leases. */
export function parseRecord(text: string): RecordedLease[] | undefined {
  const leases: RecordedLease[] = [];
  const words = text.split(" ");
  let boot: BootToken | undefined;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (isBootToken(word)) {
      boot = word;
      continue;
    }
    const file = words.shift();
    if (boot === undefined || file === undefined) return undefined;
    leases.push({ name: word, file, boot });
  }
  return leases.length === 0 ? undefined : leases;
}

/** The text of a symbolic link must be shorter (PATH_MAX, linux/limits.h). */
const textLimit = 4096;
/** The text of a record whose leases do not fit: the lease files themselves must be read. */
const tooMany = "many";
const nameLimit = 255;

/**
 * The name of an attachment's record; undefined for names that no attachment can have. Neither container IDs nor
 * interface names hold a colon. A lease that names no interface is in the record of interface "".
 */
export function recordName({ containerId, ifname }: Attachment): string | undefined {
  const id = trimSpace(containerId);
  if (!isIdentifier(id) || /[/:\0]/.test(ifname) || Buffer.byteLength(ifname) > 15) return undefined;
  const name = `${id}:${ifname}`;
  return Buffer.byteLength(name) <= nameLimit ? name : `:${sha512(name)}`;
}

/** The name of the record of a lease; undefined when no attachment can have such a lease. */
export function recordNameOf(lease: Lease): string | undefined {
  if (lease.kind === "lease") return recordName(lease);
  return lease.kind === "legacy" ? recordName({ containerId: lease.containerId, ifname: "" }) : undefined;
}

/**
 * The identity of a file among all that have or had its name: its inode, and when that was created, or, on file systems
 * that do not keep this, when it was modified. "" when there is no such file.
 */
export function fileIdentity(path: string): string {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return "";
  const { ino, birthtimeNs, mtimeNs } = stat;
  return `${ino.toString(36)}.${(birthtimeNs > 0n ? birthtimeNs : mtimeNs).toString(36)}`;
}

/** The text of a record, "" when there is none. Throws node:fs's errors. */
export function readOwnerRecord(owners: string, name: string): string {
  try {
    return readlinkSync(join(owners, name));
  } catch (error) {
    if (nodeErrno(error) === "ENOENT") return "";
    throw error;
  }
}

/**
 * Writes a record, or removes it when there is no lease. A record is a symbolic link that leads nowhere, since one
 * system call writes or reads it. Throws node:fs's errors.
 */
export function writeOwnerRecord(owners: string, name: string, leases: readonly RecordedLease[]): void {
  const path = join(owners, name);
  if (leases.length === 0) {
    removeRecord(path);
    return;
  }
  const full = formatRecord(leases);
  const odd = leases.some((lease) => lease.name.includes(" ") || isBootToken(lease.name));
  const text = full.length < textLimit && !odd ? full : tooMany;
  try {
    symlinkSync(text, path);
  } catch (error) {
    if (nodeErrno(error) !== "EEXIST") throw error;
    removeRecord(path);
    symlinkSync(text, path);
  }
}

function removeRecord(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (nodeErrno(error) !== "ENOENT") throw error;
  }
}
