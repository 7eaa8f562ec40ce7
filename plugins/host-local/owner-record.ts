import { readlinkSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { Attachment } from "../../shared/cni/attachments.ts";
import { isIdentifier } from "../../shared/cni/environment.ts";
import { sha512 } from "../../shared/cni/sha512.ts";
import { nodeErrno } from "../../shared/errors/system-error.ts";
import { type BootToken, isBootToken } from "./boot.ts";
import type { Lease } from "./lease.ts";
import { trimSpace } from "./white-space.ts";

/** A lease as an owner's record has it. */
export interface RecordedLease {
  /** Its address, the name of its file. */
  readonly name: string;
  /** Tells this file from another of the same name: see `fileIdentity`. */
  readonly file: string;
  /** When it was first seen. */
  readonly boot: BootToken;
}

/**
 * The text of a record: the leases, those of one boot behind its token. That of a lease of an IPv4 address stays below
 * 60 bytes, which ext4 keeps in the inode.
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

/** The leases of a record; undefined when it is none, or has more than fit. */
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

/** A symbolic link's text has to be shorter (PATH_MAX, linux/limits.h). */
const textLimit = 4096;
/** Stands for what a record has no room or no form for: look at the lease files themselves. */
const tooMany = "many";
const nameLimit = 255;

/**
 * The name of an attachment's record; undefined for what cannot be an attachment. Neither container IDs nor interface
 * names hold a colon. A lease that names no interface has the record of interface "".
 */
export function recordName({ containerId, ifname }: Attachment): string | undefined {
  const id = trimSpace(containerId);
  if (!isIdentifier(id) || /[/:\0]/.test(ifname) || Buffer.byteLength(ifname) > 15) return undefined;
  const name = `${id}:${ifname}`;
  return Buffer.byteLength(name) <= nameLimit ? name : `:${sha512(name)}`;
}

/** The name of the record in which a lease is; undefined when no attachment can have such a lease. */
export function recordNameOf(lease: Lease): string | undefined {
  if (lease.kind === "lease") return recordName(lease);
  return lease.kind === "legacy" ? recordName({ containerId: lease.containerId, ifname: "" }) : undefined;
}

/** The text of a record, "" when there is none. Throws node:fs's errors. */
export function readRecord(owners: string, name: string): string {
  try {
    return readlinkSync(join(owners, name));
  } catch (error) {
    if (nodeErrno(error) === "ENOENT") return "";
    throw error;
  }
}

/**
 * Writes, or with no lease removes, a record: a symbolic link that leads nowhere, which is written and read by one
 * system call each. Throws node:fs's errors.
 */
export function writeRecord(owners: string, name: string, leases: readonly RecordedLease[]): void {
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
