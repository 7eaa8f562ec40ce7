import { lstatSync } from "node:fs";
import { join } from "node:path";
import type { Attachment } from "../../shared/cni/attachments.ts";
import { nodeErrno, SystemError } from "../../shared/errors/system-error.ts";
import { parseIp } from "../../shared/ip/address.ts";
import { type BootToken, isEarlierBoot, readBootId, readBootToken } from "./boot.ts";
import type { StoreSettings } from "./config.ts";
import { markOf, sameMark, stampDirectory } from "./directory-mark.ts";
import { type HeldSet, type IndexState, type OldestLease, readState, writeState } from "./index-state.ts";
import { isLeaseOf, isLegacyLeaseOf, type Lease } from "./lease.ts";
import {
  isLeaseName,
  type LeaseFile,
  listNames,
  readLease,
  readLeases,
  removeFile,
} from "./lease-directory.ts";
import { isOnLocalFileSystem } from "./local-file-system.ts";
import type { Holders } from "./messages.ts";
import { OwnerIndex } from "./owner-index.ts";
import type { RecordedLease } from "./owner-record.ts";
import { capacityOf, type RangeSet } from "./range.ts";
import { membership, setKey } from "./set-key.ts";

/** More sets than this many are counted anew when they are used: runtimes can give ranges to each attachment. */
const setLimit = 16;

/**
 * The leases of a network, and an index of them in the side directory, so that nobody has to read all lease files.
 *
 * The index is believed only in the boot and with the directory in the very state in which it was written. Any other
 * change (the Go plugin's, a person's, ours when the process was killed half-way) makes the next call read all files
 * once. So it can be lost or left behind at any moment. Where it cannot be kept, every call reads all files.
 *
 * To be used under the lock.
 */
export class LeaseStore {
  readonly #settings: StoreSettings;
  readonly #owners: OwnerIndex;
  readonly #bootId: string | undefined;
  #state: Omit<IndexState, "mark" | "owners">;
  /** All lease files, when they had to be read. */
  #files: readonly LeaseFile[] | undefined;
  /** False when no index can be kept. */
  #indexed = true;
  #changed = false;

  /** @throws SystemError when the directory cannot be read. */
  constructor(settings: StoreSettings) {
    this.#settings = settings;
    this.#owners = new OwnerIndex(ownersOf(settings.sideDirectory), settings.directory);
    this.#bootId = readBootId();
    const believed = believedState(settings, this.#bootId);
    this.#state = believed ?? emptyState(this.#bootId ?? "");
    if (believed === undefined) this.scan();
  }

  /** Names of the leases of a container's interface. */
  leasesOf(owner: Attachment): readonly string[] {
    return this.#find(owner, (lease) => isLeaseOf(lease, owner));
  }

  /** Names of the leases of a container that name no interface. */
  legacyLeasesOf(owner: Attachment): readonly string[] {
    return this.#find({ ...owner, ifname: "" }, (lease) => isLegacyLeaseOf(lease, owner));
  }

  /** How many addresses of a set are held. */
  heldOf(set: RangeSet): number {
    return this.#held(set).held;
  }

  /**
   * Whether all addresses of a set are held. Before it is said for the first time they are counted: a person may have
   * removed a file, without the lock, just when the index was made believable.
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

  /** The lease of a full set that is there longest. */
  oldestOf(set: RangeSet): OldestLease | undefined {
    return this.#held(set).oldest;
  }

  get boot(): BootToken {
    return this.#state.boot;
  }

  /** How many leases are of an earlier boot of this machine. */
  get earlier(): number {
    return this.#state.earlier;
  }

  /** The uptime when such leases were last looked for in vain. */
  get searched(): number {
    return this.#state.searched;
  }

  set searched(uptime: number) {
    this.#state = { ...this.#state, searched: uptime };
    this.#changed = true;
  }

  /** Takes note of a lease that has been made. */
  added(name: string, owner: Attachment): void {
    this.#count(name, 1);
    this.#keepIndex(() => this.#owners.add(owner, name, this.#state.boot));
  }

  /** Removes a lease. Throws SystemError. */
  release(file: LeaseFile): void {
    removeFile(this.#settings.directory, file.name);
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

  /** Reads all lease files, and makes the index anew. What a crash has left of a lease is removed. */
  scan(): readonly LeaseFile[] {
    const { directory } = this.#settings;
    const files = readLeases(directory).filter((file) => !isRemovedRest(directory, file));
    this.#files = files;
    this.#changed = true;
    this.#indexed = this.#bootId !== undefined && isOnLocalFileSystem(directory);
    let earlier = 0;
    this.#keepIndex(() => {
      earlier = this.#owners.rebuild(files, this.#state.boot);
    });
    this.#state = { ...this.#state, earlier, sets: [] };
    return files;
  }

  /** Makes the index believable again, as the last thing under the lock. */
  commit(): void {
    const { directory } = this.#settings;
    if (!this.#changed) return;
    this.#keepIndex(() => {
      const mark = stampDirectory(directory);
      // Killed here, or before: the directory has a mark that is in no index.
      if (mark === undefined) return;
      const owners = markOf(ownersOf(this.#settings.sideDirectory));
      writeState(stateFile(this.#settings), { ...this.#state, mark, owners });
    });
  }

  #find(owner: Attachment, isOwn: (lease: Lease) => boolean): readonly string[] {
    const { directory } = this.#settings;
    if (this.#files !== undefined)
      return this.#files.filter(({ lease }) => isOwn(lease)).map(({ name }) => name);
    const recorded = this.#lookUp(owner);
    const lies = recorded?.some(({ name }) => {
      const lease = readLease(directory, name);
      return lease === undefined || !isOwn(lease);
    });
    if (recorded !== undefined && lies === false) return recorded.map(({ name }) => name);
    // Somebody has written into a lease file, which leaves no trace on the directory.
    this.scan();
    return this.#find(owner, isOwn);
  }

  #lookUp(owner: Attachment): readonly RecordedLease[] | undefined {
    let found: readonly RecordedLease[] | undefined;
    this.#keepIndex(() => {
      found = this.#owners.lookUp(owner);
    });
    return found;
  }

  #held(set: RangeSet): HeldSet {
    const key = setKey(set);
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

  /** Leases come first: when the index cannot be kept, it is given up for this call, and not believed in the next. */
  #keepIndex(work: () => void): void {
    if (!this.#indexed) return;
    try {
      work();
    } catch (error) {
      if (nodeErrno(error) === undefined && !(error instanceof SystemError)) throw error;
      this.#indexed = false;
    }
  }
}

/** What the index says, if it is to be believed. */
export function believedState(settings: StoreSettings, bootId = readBootId()): IndexState | undefined {
  const state = readState(stateFile(settings));
  if (state === undefined || state.bootId !== bootId) return undefined;
  try {
    const same =
      sameMark(state.mark, markOf(settings.directory)) &&
      sameMark(state.owners, markOf(ownersOf(settings.sideDirectory)));
    return same ? state : undefined;
  } catch (error) {
    if (nodeErrno(error) === undefined) throw error;
    return undefined;
  }
}

function emptyState(bootId: string): Omit<IndexState, "mark" | "owners"> {
  return { bootId, boot: readBootToken(bootId), earlier: 0, searched: 0, sets: [] };
}

/** What holds the addresses of a set, for messages. */
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

function isRemovedRest(directory: string, { name, lease }: LeaseFile): boolean {
  if (lease.kind !== "torn" || !isLeaseName(name)) return false;
  try {
    // Nobody is writing it: that takes the lock.
    removeFile(directory, name);
    return true;
  } catch {
    return false;
  }
}

/** The names of a directory that are addresses of the set with this key, whatever holds them. */
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
