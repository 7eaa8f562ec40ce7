import { lstatSync } from "node:fs";
import { join } from "node:path";
import type { Attachment } from "../../../shared/cni/attachments.ts";
import { nodeErrno, SystemError } from "../../../shared/errors/system-error.ts";
import { parseIp } from "../../../shared/ip/address.ts";
import type { StoreSettings } from "../config.ts";
import {
  isLeaseName,
  type LeaseFile,
  listNames,
  readLease,
  readLeases,
  removeLeaseFile,
} from "../leases/directory.ts";
import { isLeaseOf, isLegacyLeaseOf, type Lease } from "../leases/lease.ts";
import type { Holders } from "../messages.ts";
import { capacityOf, type RangeSet } from "../ranges/range.ts";
import { type BootToken, isEarlierBoot, readBootId, readBootToken } from "./boot.ts";
import { renewVersion, sameVersion, versionOf } from "./directory-version.ts";
import { type HeldSet, type IndexState, type OldestLease, readState, writeState } from "./index-state.ts";
import { isOnLocalFileSystem } from "./local-file-system.ts";
import { OwnerIndex } from "./owner-index.ts";
import { membership, rangeSetKey } from "./range-set-key.ts";

/** The number of sets that are kept: runtimes can give ranges to each attachment. Others are counted again. */
const setLimit = 16;

/**
 * The leases of a network, and their index in the side directory, by which a call need not read all lease files.
 * README.md of this folder has the rule by which the index is believed. To be used under the lock.
 */
export class LeaseStore {
  readonly #settings: StoreSettings;
  readonly #owners: OwnerIndex;
  readonly #bootId: string | undefined;
  #state: Omit<IndexState, "mark" | "owners">;
  /** All lease files, if they have been read. */
  #files: readonly LeaseFile[] | undefined;
  /** False when no index can be kept. */
  #indexed = true;
  #changed = false;

  /** @throws SystemError when the directory cannot be read. */
  constructor(settings: StoreSettings) {
    this.#settings = settings;
    this.#owners = new OwnerIndex(ownersOf(settings.sideDirectory), settings.directory);
    this.#bootId = readBootId();
    const valid = validState(settings, this.#bootId);
    this.#state = valid ?? emptyState(this.#bootId ?? "");
    if (valid === undefined) this.scan();
  }

  /** The names of an attachment's leases. */
  leasesOf(owner: Attachment): readonly string[] {
    return this.#find(owner, (lease) => isLeaseOf(lease, owner));
  }

  /** The names of a container's leases that name no interface. */
  legacyLeasesOf(owner: Attachment): readonly string[] {
    return this.#find({ ...owner, ifname: "" }, (lease) => isLegacyLeaseOf(lease, owner));
  }

  /** The number of a set's addresses that are held. */
  heldOf(set: RangeSet): number {
    return this.#held(set).held;
  }

  /**
   * True when all addresses of a set are held. Counts them before it returns that for the first time: somebody may have
   * removed a file, without the lock, just before the index was written.
   */
  isFull(set: RangeSet): boolean {
    const capacity = capacityOf(set);
    const { key, held, oldest } = this.#held(set);
    if (BigInt(held) < capacity) return false;
    if (oldest !== undefined) return true;
    const { directory } = this.#settings;
    const names = namesIn(directory, key);
    const counted = withOldest({ key, held: names.length }, findOldest(directory, names));
    this.#replaceSets((entry) => (entry.key === key ? counted : entry));
    return BigInt(counted.held) >= capacity;
  }

  /** The oldest lease of a full set. */
  oldestOf(set: RangeSet): OldestLease | undefined {
    return this.#held(set).oldest;
  }

  get boot(): BootToken {
    return this.#state.boot;
  }

  /** The number of leases of an earlier boot of this machine. */
  get earlier(): number {
    return this.#state.earlier;
  }

  /** The uptime of the last search for such leases that found none; 0 for never. */
  get searched(): number {
    return this.#state.searched;
  }

  set searched(uptime: number) {
    this.#state = { ...this.#state, searched: uptime };
    this.#changed = true;
  }

  /** Adds a new lease to the index. */
  added(name: string, owner: Attachment): void {
    this.#count(name, 1);
    this.#keepIndex(() => this.#owners.add(owner, name, this.#state.boot));
  }

  /** Removes a lease. Throws SystemError. */
  release(file: LeaseFile): void {
    removeLeaseFile(this.#settings.directory, file.name);
    this.#count(file.name, -1);
    this.#keepIndex(() => {
      const removed = this.#owners.remove(file);
      if (removed === undefined || !isEarlierBoot(removed.boot, this.#state.boot)) return;
      this.#state = { ...this.#state, earlier: this.#state.earlier - 1 };
    });
  }

  /** All lease files. */
  get files(): readonly LeaseFile[] {
    return this.#files ?? this.scan();
  }

  /** Reads all lease files, and builds the index again. Removes torn leases, which a crash has left. */
  scan(): readonly LeaseFile[] {
    const { directory } = this.#settings;
    const files = readLeases(directory).filter((file) => !isTornAndRemoved(directory, file));
    this.#files = files;
    this.#changed = true;
    this.#indexed = this.#bootId !== undefined && isOnLocalFileSystem(directory);
    const earlier = this.#keepIndex(() => this.#owners.rebuild(files, this.#state.boot)) ?? 0;
    this.#state = { ...this.#state, earlier, sets: [] };
    return files;
  }

  /** Makes the index valid again: the last step under the lock. */
  commit(): void {
    const { directory } = this.#settings;
    if (!this.#changed) return;
    this.#keepIndex(() => {
      const mark = renewVersion(directory);
      // If it is killed here, or before, no index has the directory's version.
      if (mark === undefined) return;
      const owners = versionOf(ownersOf(this.#settings.sideDirectory));
      writeState(stateFile(this.#settings), { ...this.#state, mark, owners });
    });
  }

  #find(owner: Attachment, isOwn: (lease: Lease) => boolean): readonly string[] {
    const { directory } = this.#settings;
    if (this.#files !== undefined)
      return this.#files.filter(({ lease }) => isOwn(lease)).map(({ name }) => name);
    const recorded = this.#keepIndex(() => this.#owners.lookUp(owner));
    const lies = recorded?.some(({ name }) => {
      const lease = readLease(directory, name);
      return lease === undefined || !isOwn(lease);
    });
    if (recorded !== undefined && lies === false) return recorded.map(({ name }) => name);
    // Somebody has written into a lease file, which does not change the version of the directory.
    this.scan();
    return this.#find(owner, isOwn);
  }

  #held(set: RangeSet): HeldSet {
    const key = rangeSetKey(set);
    const present = this.#state.sets.find((entry) => entry.key === key);
    if (present !== undefined) return present;
    const entry = { key, held: namesIn(this.#settings.directory, key).length };
    const sets = [...this.#state.sets, entry].slice(-setLimit);
    this.#state = { ...this.#state, sets };
    this.#changed = true;
    return entry;
  }

  #count(name: string, change: 1 | -1): void {
    const address = parseIp(name);
    this.#replaceSets((entry) => {
      if (address === undefined || !membership(entry.key)(address)) return entry;
      const oldest = entry.oldest?.name === name ? undefined : entry.oldest;
      return withOldest({ key: entry.key, held: entry.held + change }, oldest);
    });
  }

  #replaceSets(replace: (entry: HeldSet) => HeldSet): void {
    this.#state = { ...this.#state, sets: this.#state.sets.map(replace) };
    this.#changed = true;
  }

  /**
   * Works on the index, unless it was given up. A failure is none of the call's, since leases count: the index is given
   * up then, and not valid in the next call. Returns undefined in both cases.
   */
  #keepIndex<T>(work: () => T): T | undefined {
    if (!this.#indexed) return undefined;
    try {
      return work();
    } catch (error) {
      if (nodeErrno(error) === undefined && !(error instanceof SystemError)) throw error;
      this.#indexed = false;
      return undefined;
    }
  }
}

/** The index, if it is valid; undefined otherwise. */
export function validState(settings: StoreSettings, bootId = readBootId()): IndexState | undefined {
  const state = readState(stateFile(settings));
  if (state === undefined || state.bootId !== bootId) return undefined;
  try {
    const same =
      sameVersion(state.mark, versionOf(settings.directory)) &&
      sameVersion(state.owners, versionOf(ownersOf(settings.sideDirectory)));
    return same ? state : undefined;
  } catch (error) {
    if (nodeErrno(error) === undefined) throw error;
    return undefined;
  }
}

function emptyState(bootId: string): Omit<IndexState, "mark" | "owners"> {
  return { bootId, boot: readBootToken(bootId), earlier: 0, searched: 0, sets: [] };
}

/** The holders of a set's addresses, for messages. */
export function holders(store: LeaseStore, set: RangeSet, directory: string): Holders {
  const oldest = store.oldestOf(set);
  const lease = oldest && readLease(directory, oldest.name);
  return {
    directory,
    held: store.heldOf(set),
    ...(oldest === undefined ? {} : { oldest: { ...oldest, lease: lease ?? { kind: "foreign" } } }),
  };
}

export function ownersOf(sideDirectory: string): string {
  return join(sideDirectory, "owners");
}

function stateFile({ sideDirectory }: StoreSettings): string {
  return join(sideDirectory, "state");
}

function isTornAndRemoved(directory: string, { name, lease }: LeaseFile): boolean {
  if (lease.kind !== "torn" || !isLeaseName(name)) return false;
  try {
    // Nobody is writing it: writers have the lock.
    removeLeaseFile(directory, name);
    return true;
  } catch {
    return false;
  }
}

/** The names of a directory that are addresses of the set with this key, whatever the files hold. */
export function namesIn(directory: string, key: string): string[] {
  const isMember = membership(key);
  return listNames(directory).filter((name) => {
    const address = parseIp(name);
    return address !== undefined && isMember(address);
  });
}

function findOldest(directory: string, names: readonly string[]): OldestLease | undefined {
  let oldest: { name: string; time: number } | undefined;
  for (const name of names) {
    const time = lstatSync(join(directory, name), { throwIfNoEntry: false })?.mtimeMs;
    if (time !== undefined && (oldest === undefined || time < oldest.time)) oldest = { name, time };
  }
  return oldest === undefined ? undefined : { name: oldest.name, since: new Date(oldest.time).toISOString() };
}

function withOldest({ key, held }: HeldSet, oldest: OldestLease | undefined): HeldSet {
  return { key, held, ...(oldest === undefined ? {} : { oldest }) };
}
