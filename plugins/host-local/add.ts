import type { Attachment } from "../../shared/cni/attachments.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result, ResultIp } from "../../shared/cni/result.ts";
import { type UndoStack, withUndo } from "../../shared/cni/undo-stack.ts";
import { CniError, ErrorCode, withContext } from "../../shared/errors/cni-error.ts";
import { formatIp, type IpAddress, parseIp } from "../../shared/ip/address.ts";
import { type Candidate, choose } from "./allocate.ts";
import { type Config, loadConfig } from "./config.ts";
import { readCursor, writeCursor } from "./cursor.ts";
import { formatHolder, formatLease, isLeaseOf, isLegacyLeaseOf } from "./lease.ts";
import {
  ensureDirectory,
  isLeaseName,
  type LeaseFile,
  readLease,
  readLeases,
  removeFile,
  syncDirectory,
} from "./lease-directory.ts";
import { withLock } from "./lease-lock.ts";
import { exhausted } from "./messages.ts";
import { type NewLease, prepareLeases } from "./new-lease.ts";
import { findRange, formatSet, type RangeSet } from "./range.ts";
import { assignRequests } from "./requested.ts";
import { readResolvConf } from "./resolv-conf.ts";

/** Leases one address of each range set. All of them or, when one cannot be had, none. */
export function add(request: Request): Result {
  const config = loadConfig(request);
  const dns = config.resolvConf === "" ? {} : readResolvConf(config.resolvConf);
  const requested = assignRequests(config.sets, config.requested);
  const leased = lease(config, requested, request);
  return { interfaces: [], ips: leased.map(resultIp), routes: config.routes, dns };
}

function resultIp({ address, range }: Candidate): ResultIp {
  return {
    address: { address, prefixLength: range.subnet.prefixLength },
    ...(range.gateway === undefined ? {} : { gateway: range.gateway }),
  };
}

function lease(
  config: Config,
  requested: readonly (IpAddress | undefined)[],
  owner: Attachment,
): readonly Candidate[] {
  const { directory, sets } = config;
  ensureDirectory(directory);
  // What takes time, waiting for the disk, is done without the lock: before it and after it.
  const files = prepareLeases(directory, formatLease(owner), sets.length);
  try {
    const leased = withLock(config, () =>
      withUndo((undo) => {
        const chosen = leaseUnderLock(config, requested, owner, files, undo);
        for (const [index, { address }] of chosen.entries()) writeCursor(directory, index, address);
        return chosen;
      }),
    );
    try {
      syncDirectory(directory);
    } catch (error) {
      withLock(config, () => release(directory, leased, owner));
      throw error;
    }
    return leased;
  } finally {
    for (const file of files) file.close();
  }
}

function leaseUnderLock(
  { directory, sets }: Config,
  requested: readonly (IpAddress | undefined)[],
  owner: Attachment,
  files: readonly NewLease[],
  undo: UndoStack,
): Candidate[] {
  // As in the Go plugin, an attachment may collect any number of addresses that it asks for by name.
  const present = requested.includes(undefined) ? readLeases(directory) : [];
  removeTorn(directory, present);
  return sets.map((set, index) => {
    const file = files[index];
    if (file === undefined) throw new Error("every set has a file");
    try {
      const wanted = requested[index];
      const chosen =
        wanted === undefined
          ? takeNext(directory, set, index, file, present, owner)
          : takeRequested(directory, set, wanted, file);
      // Only what this call has leased. (The Go plugin releases all leases of the attachment, also those in use.)
      undo.push(() => release(directory, [chosen], owner));
      return chosen;
    } catch (error) {
      throw withContext(`failed to allocate for range ${index}`, error);
    }
  });
}

function takeNext(
  directory: string,
  set: RangeSet,
  index: number,
  file: NewLease,
  present: readonly LeaseFile[],
  owner: Attachment,
): Candidate {
  refuseDuplicate(directory, set, present, owner);
  const chosen = choose(set, readCursor(directory, index), (address) => file.take(formatIp(address)));
  if (chosen === undefined) throw exhausted(ErrorCode.exhausted, set, directory);
  return chosen;
}

function takeRequested(directory: string, set: RangeSet, address: IpAddress, file: NewLease): Candidate {
  const range = findRange(set, address);
  if (range === undefined) throw new Error("requests are assigned to sets that have them");
  const name = formatIp(address);
  let taken = !file.take(name);
  const holder = taken ? readLease(directory, name) : undefined;
  if (holder?.kind === "torn") {
    removeFile(directory, name);
    taken = !file.take(name);
  }
  if (!taken) return { address, range };
  throw new CniError(
    ErrorCode.conflict,
    `requested IP address ${name} is not available in range set ${formatSet(set)}`,
    `it is held by ${formatHolder(holder ?? { kind: "foreign" })}: ${directory}/${name}`,
  );
}

/** A container that has an address of the set must be detached before it gets another. */
function refuseDuplicate(
  directory: string,
  set: RangeSet,
  present: readonly LeaseFile[],
  owner: Attachment,
): void {
  const own = present
    .filter(({ lease }) => isLeaseOf(lease, owner) || isLegacyLeaseOf(lease, owner))
    .filter(({ name }) => isInSet(set, name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))[0];
  if (own === undefined) return;
  throw new CniError(
    ErrorCode.conflict,
    `${own.name} has been allocated to ${owner.containerId}, duplicate allocation is not allowed`,
    `interface ${owner.ifname} is attached already: call DEL before another ADD; the lease is ${directory}/${own.name}`,
  );
}

function isInSet(set: RangeSet, name: string): boolean {
  const address = parseIp(name);
  return address !== undefined && findRange(set, address) !== undefined;
}

/** Gives back addresses whose lease was never completed. Nobody is writing one: that takes the lock. */
function removeTorn(directory: string, present: readonly LeaseFile[]): void {
  for (const { name, lease } of present) {
    if (lease.kind === "torn" && isLeaseName(name)) removeFile(directory, name);
  }
}

function release(directory: string, leased: readonly Candidate[], owner: Attachment): void {
  for (const { address } of leased) {
    const name = formatIp(address);
    const lease = readLease(directory, name);
    if (lease !== undefined && isLeaseOf(lease, owner)) removeFile(directory, name);
  }
}
