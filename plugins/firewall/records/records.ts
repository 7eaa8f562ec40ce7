import { existsSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import * as z from "zod/mini";
import { lazy } from "../../../shared/basics/lazy.ts";
import { type AttachmentKey, sameAttachment } from "../../../shared/cni/attachment-key.ts";
import { configObject, decode, optionalText, text } from "../../../shared/cni/config-schema.ts";
import { readJson } from "../../../shared/cni/json-read.ts";
import { formatIp, type IpAddress, parseIp } from "../../../shared/ip/address.ts";
import { makeDirectory } from "../../../shared/linux/make-directory.ts";
import { readSmallFile } from "../../../shared/linux/small-file.ts";
import type { Isolation } from "../isolation.ts";
import { addToIndex, removeFromIndex } from "./attachment-index.ts";
import { isAbsent, recordFailure, recordFileNames, removeRecordFile } from "./record-files.ts";

// The rules have to equal the Go plugin's, so they have an address and no owner. A record has the owner of an address: by
// it DEL finds its rules without prevResult, GC finds stale ones, and a late DEL does not cut off the container that has
// the address by now.

/** The owner of an address, and what the address uses of the shared chains. */
export interface AddressRecord {
  readonly address: IpAddress;
  readonly owner: AttachmentKey;
  /** Path of the container's network namespace. */
  readonly netns: string;
  readonly adminChain: string;
  /** firewalld's zone to which the address is bound; absent when rules of iptables accept its traffic. */
  readonly zone?: string;
  readonly isolation?: Isolation;
}

const schema = lazy(() =>
  configObject({
    network: text,
    containerID: text,
    ifname: text,
    netns: text,
    adminChain: text,
    zone: optionalText,
    ingressPolicy: z.optional(z.enum(["same-bridge", "isolated"])),
    bridge: optionalText,
  }),
);

/** False when the container's namespace is gone: the Go plugin did its DEL, or nobody did. */
export function isAlive(record: AddressRecord): boolean {
  return existsSync(record.netns);
}

/**
 * The directory of the records of the calling thread's network namespace: each namespace has its own rules. A record is a
 * file named after the address.
 */
export function recordDirectory(dataDir: string): string {
  const { dev, ino } = statSync("/proc/thread-self/ns/net", { bigint: true });
  return `${dataDir}/netns-${dev}-${ino}`;
}

/** The record of an address; undefined when there is none or it is unreadable. */
export function readAddressRecord(directory: string, address: IpAddress): AddressRecord | undefined {
  let content: string;
  try {
    content = readSmallFile(fileOf(directory, address));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw recordFailure("read", fileOf(directory, address), error);
  }
  return parseRecord(address, content);
}

/** Creates the directory of records. Throws CniError code 5. */
export function ensureRecordDirectory(directory: string): void {
  try {
    makeDirectory(directory, 0o700);
  } catch (error) {
    throw recordFailure("make", directory, error);
  }
}

/** All records, in no particular order. */
export function listRecords(directory: string): readonly AddressRecord[] {
  return [...eachRecord(directory)];
}

/** All records, in no particular order, each read when the iteration comes to it. */
export function* eachRecord(directory: string): Generator<AddressRecord> {
  for (const name of recordFileNames(directory)) {
    const address = parseIp(name);
    const record = address && readAddressRecord(directory, address);
    if (record !== undefined) yield record;
  }
}

/** Writes a record as a whole or not at all. Throws CniError code 5. */
export function writeAddressRecord(directory: string, record: AddressRecord): void {
  const file = fileOf(directory, record.address);
  const unfinished = unfinishedOf(directory, record.owner);
  try {
    makeDirectory(directory, 0o700);
    addToIndex(directory, record.owner, record.address);
    writeFileSync(unfinished, printRecord(record), { mode: 0o600 });
    renameSync(unfinished, file);
  } catch (error) {
    try {
      rmSync(unfinished, { force: true });
      removeFromIndex(directory, record.owner, record.address);
    } catch {
      // The first error is the cause.
    }
    throw recordFailure("write", file, error);
  }
}

/** Writes a record in place of the one before, whose owner's entry in the index is removed. Throws CniError code 5. */
export function replaceAddressRecord(directory: string, before: AttachmentKey, record: AddressRecord): void {
  writeAddressRecord(directory, record);
  if (!sameAttachment(before, record.owner)) removeFromIndex(directory, before, record.address);
}

/**
 * Removes the record of an address, if there is one, and its owner's entry in the index. Throws CniError code 5.
 *
 * @param owner undefined when it is not known: the entry stays for the owner's DEL.
 */
export function removeAddressRecord(directory: string, address: IpAddress, owner?: AttachmentKey): void {
  removeRecordFile(fileOf(directory, address));
  if (owner !== undefined) removeFromIndex(directory, owner, address);
}

/** Removes the unfinished record of an attachment whose ADD was killed. Throws CniError code 5. */
export function removeUnfinishedOf(directory: string, owner: AttachmentKey): void {
  removeRecordFile(unfinishedOf(directory, owner));
}

const unfinishedPrefix = ".unfinished-";
/** The age at which an unfinished record is that of a killed process. */
const unfinishedForMilliseconds = 60_000;

/** One name for each attachment, by which its DEL finds the file; container IDs may be longer than a file's name. */
function unfinishedOf(directory: string, { containerId, ifname }: AttachmentKey): string {
  return `${directory}/${unfinishedPrefix}${`${containerId}_${ifname}`.slice(-200)}`;
}

/** Removes unfinished records of killed processes, whose DEL never came. */
export function removeUnfinished(directory: string): void {
  for (const name of recordFileNames(directory)) {
    if (!name.startsWith(unfinishedPrefix)) continue;
    const file = `${directory}/${name}`;
    const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? {};
    if (mtimeMs !== undefined && Date.now() - mtimeMs > unfinishedForMilliseconds)
      rmSync(file, { force: true });
  }
}

function fileOf(directory: string, address: IpAddress): string {
  return `${directory}/${formatIp(address)}`;
}

function printRecord({ owner, netns, adminChain, zone, isolation }: AddressRecord): string {
  const { network, containerId, ifname } = owner;
  const policy = isolation && { ingressPolicy: isolation.policy, bridge: isolation.bridge };
  return `${JSON.stringify({ network, containerID: containerId, ifname, netns, adminChain, zone, ...policy })}\n`;
}

function parseRecord(address: IpAddress, content: string): AddressRecord | undefined {
  try {
    const { network, containerID, ifname, netns, adminChain, zone, ingressPolicy, bridge } = decode(
      schema(),
      readJson(content),
    );
    const owner = { network, containerId: containerID, ifname };
    const plain = { address, owner, netns, adminChain, ...(zone !== undefined && { zone }) };
    if (ingressPolicy === undefined || bridge === undefined) return plain;
    return { ...plain, isolation: { policy: ingressPolicy, bridge } };
  } catch {
    // Not written by us.
    return undefined;
  }
}
