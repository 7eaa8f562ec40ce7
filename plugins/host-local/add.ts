import type { Attachment } from "../../shared/cni/attachments.ts";
import { withContext } from "../../shared/cni/errors/as-cni-error.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result, ResultIp } from "../../shared/cni/result.ts";
import { withUndo } from "../../shared/cni/undo-stack.ts";
import { formatIp, type IpAddress, parseIp } from "../../shared/ip/address.ts";
import type { Config } from "./config.ts";
import { holders, LeaseStore } from "./index/lease-store.ts";
import { ensureDirectory, leasedSince, listNames, readLease, syncDirectory } from "./leases/directory.ts";
import { formatLease, isLeaseOf } from "./leases/lease.ts";
import { withLock } from "./leases/lock.ts";
import { type NewLease, prepareLeases } from "./leases/new-lease.ts";
import { allResting, exhausted, requestedRests, requestedTaken } from "./messages.ts";
import { type Candidate, choose, missLimit } from "./ranges/allocate.ts";
import { Cooling } from "./ranges/cooling.ts";
import { readCursor, writeCursor } from "./ranges/cursor.ts";
import { findRange, type RangeSet } from "./ranges/range.ts";
import { assignRequests } from "./ranges/requested.ts";
import { reclaim } from "./reclaim/reclaim.ts";
import { readResolvConf } from "./resolv-conf.ts";

/** Leases one address of each range set, or, when one of them cannot be had, none. Throws CniError. */
export function add(request: Request, config: Config): Result {
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
  // The disk is waited for before and after the time under the lock.
  const files = prepareLeases(directory, formatLease(owner), sets.length);
  try {
    const leased = withLock(config, () => leaseUnderLock(config, requested, owner, files));
    try {
      syncDirectory(directory);
    } catch (error) {
      withLock(config, () => {
        const store = new LeaseStore(config);
        for (const candidate of leased) giveBack(store, directory, candidate, owner);
        store.commit();
      });
      throw error;
    }
    return leased;
  } finally {
    for (const file of files) file.close();
  }
}

function leaseUnderLock(
  config: Config,
  requested: readonly (IpAddress | undefined)[],
  owner: Attachment,
  files: readonly NewLease[],
): Candidate[] {
  const { directory, sets } = config;
  const store = new LeaseStore(config);
  try {
    return withUndo((undo) => {
      const chosen = sets.map((set, index) => {
        const file = files[index];
        if (file === undefined) throw new Error("every set has a file");
        try {
          const wanted = requested[index];
          const candidate =
            wanted === undefined
              ? takeNext({ config, store, set, file }, index, owner)
              : takeRequested({ config, store, set, file }, wanted);
          store.added(formatIp(candidate.address), owner);
          // Only the leases of this call. (The Go plugin releases all of the attachment, even those in use.)
          undo.push(() => giveBack(store, directory, candidate, owner));
          return candidate;
        } catch (error) {
          throw withContext(`failed to allocate for range ${index}`, error);
        }
      });
      for (const [index, { address }] of chosen.entries()) writeCursor(directory, index, address);
      return chosen;
    });
  } finally {
    store.commit();
  }
}

/** A range set from which an address is taken, and the file that becomes its lease. */
interface Allocation {
  readonly config: Config;
  readonly store: LeaseStore;
  readonly set: RangeSet;
  readonly file: NewLease;
}

function takeNext(allocation: Allocation, index: number, owner: Attachment): Candidate {
  const { config, store, set, file } = allocation;
  const { directory } = config;
  assertNoLease(allocation, owner);
  const cooling = new Cooling(config);
  const search = (): Candidate | undefined => {
    if (store.isFull(set)) return undefined;
    const take = (address: IpAddress): boolean => {
      const name = formatIp(address);
      return cooling.rest(name) === 0 && file.take(name);
    };
    const taken = (): string[] => [...listNames(directory), ...cooling.resting()];
    const limit = missLimit(store.heldOf(set));
    return choose(set, readCursor(directory, index), { take, listTaken: taken, limit });
  };
  const found = search() ?? (config.reclaim && reclaim(config, store) ? search() : undefined);
  if (found !== undefined) return found;
  const { shortestRest } = cooling;
  if (shortestRest !== undefined) throw allResting(set, store.heldOf(set), shortestRest);
  throw exhausted(ErrorCode.exhausted, set, holders(store, set, directory));
}

function takeRequested({ config, store, set, file }: Allocation, address: IpAddress): Candidate {
  const { directory } = config;
  const range = findRange(set, address);
  if (range === undefined) throw new Error("requests are assigned to sets that have them");
  const name = formatIp(address);
  const rest = new Cooling(config).rest(name);
  if (rest > 0) throw requestedRests(set, name, rest);
  if (file.take(name)) return { address, range };
  const lease = readLease(directory, name) ?? { kind: "foreign" };
  if (lease.kind === "torn") {
    store.release({ name, lease });
    if (file.take(name)) return { address, range };
  }
  throw requestedTaken(set, directory, name, lease);
}

/** Refuses a second address of a set for one attachment: it must be detached first. */
function assertNoLease({ config, store, set }: Allocation, owner: Attachment): void {
  const own = [...store.leasesOf(owner), ...store.legacyLeasesOf(owner)]
    .filter((name) => isInSet(set, name))
    .sort()[0];
  if (own === undefined) return;
  throw new CniError(
    ErrorCode.conflict,
    `${own} has been allocated to ${owner.containerId}, duplicate allocation is not allowed`,
    `interface ${owner.ifname} is attached already: call DEL before another ADD; the lease is ` +
      `${config.directory}/${own}, since ${leasedSince(config.directory, own)}`,
  );
}

function isInSet(set: RangeSet, name: string): boolean {
  const address = parseIp(name);
  return address !== undefined && findRange(set, address) !== undefined;
}

function giveBack(store: LeaseStore, directory: string, { address }: Candidate, owner: Attachment): void {
  const name = formatIp(address);
  const lease = readLease(directory, name);
  if (lease !== undefined && isLeaseOf(lease, owner)) store.release({ name, lease });
}
