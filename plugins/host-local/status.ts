import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { errorText } from "../../shared/errors/failure.ts";
import { asSystemError } from "../../shared/errors/system-error.ts";
import { requireWritableDirectory } from "../../shared/linux/writable-directory.ts";
import type { Config } from "./config.ts";
import { holders, LeaseStore, namesIn, validState } from "./index/lease-store.ts";
import { rangeSetKey } from "./index/range-set-key.ts";
import { directoryExists, readLease } from "./leases/directory.ts";
import { withLock } from "./leases/lock.ts";
import { exhausted } from "./messages.ts";
import { capacityOf, type RangeSet } from "./ranges/range.ts";
import { maySearch, reclaim } from "./reclaim/reclaim.ts";

/** Makes sure that the next ADD could lease an address. Throws CniError code 50. */
export function status(config: Config): void {
  assertUsable(config.directory);
  if (!directoryExists(config.directory) || isKnownToHaveRoom(config)) return;
  try {
    withLock({ ...config, lockTimeoutSeconds: Math.min(config.lockTimeoutSeconds, lockTimeoutSeconds) }, () =>
      assertRoomUnderLock(config),
    );
  } catch (error) {
    if (!(error instanceof CniError && error.code === ErrorCode.lockTimeout)) throw error;
    // Others hold the lock. Names can be counted without it.
    assertRoomByNames(config);
  }
}

/** Runtimes ask every few seconds, and do not wait for long. */
const lockTimeoutSeconds = 1;

/**
 * True when the index alone, read without the lock, shows that every set has room. Throws CniError code 50 when one has
 * none.
 */
function isKnownToHaveRoom(config: Config): boolean {
  const state = validState(config);
  if (state === undefined) return false;
  const places = config.sets.map((set) => {
    const key = rangeSetKey(set);
    return { set, entry: state.sets.find((entry) => entry.key === key) };
  });
  if (places.some(({ entry }) => entry === undefined)) return false;
  const full = places.find(({ set, entry }) => entry !== undefined && BigInt(entry.held) >= capacityOf(set));
  if (full === undefined) return true;
  const oldest = full.entry?.oldest;
  const searchNow = config.reclaim && maySearch(state);
  if (searchNow || oldest === undefined || full.entry === undefined) return false;
  const lease = readLease(config.directory, oldest.name) ?? { kind: "foreign" };
  const { held } = full.entry;
  throw exhausted(ErrorCode.pluginNotAvailable, full.set, {
    directory: config.directory,
    held,
    oldest: { ...oldest, lease },
  });
}

function assertRoomUnderLock(config: Config): void {
  const store = new LeaseStore(config);
  try {
    const isFull = (set: RangeSet): boolean => store.isFull(set);
    // Here too: a node that reports a full network gets no ADD, which would reclaim leases.
    if (config.sets.some(isFull) && config.reclaim) reclaim(config, store);
    const full = config.sets.find(isFull);
    if (full === undefined) return;
    throw exhausted(ErrorCode.pluginNotAvailable, full, holders(store, full, config.directory));
  } finally {
    store.commit();
  }
}

function assertRoomByNames({ directory, sets }: Config): void {
  for (const set of sets) {
    const held = namesIn(directory, rangeSetKey(set));
    if (BigInt(held.length) < capacityOf(set)) continue;
    if (held.some((name) => readLease(directory, name)?.kind === "torn")) continue;
    throw exhausted(ErrorCode.pluginNotAvailable, set, { directory, held: held.length });
  }
}

function assertUsable(directory: string): void {
  try {
    requireWritableDirectory(directory);
  } catch (error) {
    throw new CniError(
      ErrorCode.pluginNotAvailable,
      `cannot keep leases in ${directory}: ${errorText(asSystemError(directory, error))}`,
      'the directory must be writable; the key "dataDir" of ipam chooses another',
    );
  }
}
