import { existsSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import * as z from "zod/mini";
import { lazy } from "../../shared/basics/lazy.ts";
import { configObject, decode, optionalText, text } from "../../shared/cni/config-schema.ts";
import { readJson } from "../../shared/cni/json-read.ts";
import { formatIp, type IpAddress, parseIp } from "../../shared/ip/address.ts";
import { makeDirectory } from "../../shared/linux/make-directory.ts";
import { readSmallFile } from "../../shared/linux/small-file.ts";
import { removeMark, writeMark } from "./attachment-marks.ts";
import { type Owner, sameOwner } from "./owner.ts";
import { fileNames, isAbsent, recordFailure, removeFile } from "./record-files.ts";
import type { Isolation } from "./rules.ts";

// The rules name an address and nothing else, since they have to equal the reference plugin's. These records tell who
// has the address: DEL finds its rules without prevResult, GC finds stale ones, and a late DEL does not cut off the
// container that has got the address since.

/** Who has an address, and what of the shared chains it uses. */
export interface AddressRecord {
  readonly address: IpAddress;
  readonly owner: Owner;
  /** Path of the container's network namespace. */
  readonly netns: string;
  readonly adminChain: string;
  /** firewalld's zone to which the address is bound; absent when the rules that accept its traffic are iptables'. */
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

/** False when the container is gone without a DEL of ours: the Go plugin has ended it, or nobody has. */
export function isAlive(record: AddressRecord): boolean {
  return existsSync(record.netns);
}

/**
 * Directory with the records of the calling thread's network namespace: each has its own rules. A record is a file
 * that is called like the address.
 */
export function recordDirectory(dataDir: string): string {
  const { dev, ino } = statSync("/proc/thread-self/ns/net", { bigint: true });
  return `${dataDir}/netns-${dev}-${ino}`;
}

/** The record of an address; undefined when there is none or it is unreadable. */
export function readRecord(directory: string, address: IpAddress): AddressRecord | undefined {
  let content: string;
  try {
    content = readSmallFile(fileOf(directory, address));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw recordFailure("read", fileOf(directory, address), error);
  }
  return parseRecord(address, content);
}

/** Makes the directory. Throws CniError code 5. */
export function makeRecordDirectory(directory: string): void {
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

/** All records, each read when it is asked for. */
export function* eachRecord(directory: string): Generator<AddressRecord> {
  for (const name of fileNames(directory)) {
    const address = parseIp(name);
    const record = address && readRecord(directory, address);
    if (record !== undefined) yield record;
  }
}

/** Writes a record; it is there as a whole or not at all. Throws CniError code 5. */
export function writeRecord(directory: string, record: AddressRecord): void {
  const file = fileOf(directory, record.address);
  const unfinished = unfinishedOf(directory, record.owner);
  try {
    makeDirectory(directory, 0o700);
    writeMark(directory, record.owner, record.address);
    writeFileSync(unfinished, printRecord(record), { mode: 0o600 });
    renameSync(unfinished, file);
  } catch (error) {
    try {
      rmSync(unfinished, { force: true });
      removeMark(directory, record.owner, record.address);
    } catch {
      // What kept it from being written is what people have to know.
    }
    throw recordFailure("write", file, error);
  }
}

/** As `writeRecord`, where the address had another record: its owner's mark goes. */
export function replaceRecord(directory: string, before: Owner, record: AddressRecord): void {
  writeRecord(directory, record);
  if (!sameOwner(before, record.owner)) removeMark(directory, before, record.address);
}

/**
 * Removes the record of an address and its owner's mark; nothing happens when there is none. Throws CniError code 5.
 *
 * @param owner where it is not known, the mark stays for the owner's DEL.
 */
export function removeRecord(directory: string, address: IpAddress, owner?: Owner): void {
  removeFile(fileOf(directory, address));
  if (owner !== undefined) removeMark(directory, owner, address);
}

/** Removes what an attachment's ADD left that was killed while it wrote a record. Throws CniError code 5. */
export function removeUnfinishedOf(directory: string, owner: Owner): void {
  removeFile(unfinishedOf(directory, owner));
}

const unfinishedPrefix = ".unfinished-";
/** Nobody takes that long to write a record. */
const unfinishedForMilliseconds = 60_000;

/** One name for each attachment, so that its DEL finds the file; container IDs may be longer than a file's name. */
function unfinishedOf(directory: string, { containerId, ifname }: Owner): string {
  return `${directory}/${unfinishedPrefix}${`${containerId}_${ifname}`.slice(-200)}`;
}

/** Removes what processes have left that were killed while they wrote a record, and whose DEL never came. */
export function removeUnfinished(directory: string): void {
  for (const name of fileNames(directory)) {
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
