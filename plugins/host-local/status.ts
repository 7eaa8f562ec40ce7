import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { errorText } from "../../shared/errors/failure.ts";
import { asSystemError } from "../../shared/errors/system-error.ts";
import { requireWritableDirectory } from "../../shared/linux/writable-directory.ts";
import { type Config, loadConfig } from "./config.ts";
import { directoryExists, readLease } from "./lease-directory.ts";
import { withLock } from "./lease-lock.ts";
import { believedState, holders, LeaseStore, namesIn } from "./lease-store.ts";
import { exhausted } from "./messages.ts";
import { capacityOf, type RangeSet } from "./range.ts";
import { maySearch, reclaim } from "./reclaim.ts";
import { setKey } from "./set-key.ts";

/**
 * Tells whether the next ADD could lease an address.
 *
 * @throws CniError code 50 when not; 4, 6 or 7 when the configuration is wrong.
 */
export function status(request: Request): void {
  // Runtimes do not tell the ranges that they add through the capability when they ask for the status.
  const config = loadConfig(request, "optional");
  checkUsable(config.directory);
  if (!directoryExists(config.directory) || isKnownToHaveRoom(config)) return;
  try {
    withLock({ ...config, lockTimeoutSeconds: Math.min(config.lockTimeoutSeconds, lockTimeoutSeconds) }, () =>
      checkUnderLock(config),
    );
  } catch (error) {
    if (!(error instanceof CniError && error.code === ErrorCode.lockTimeout)) throw error;
    // Others are at work. Names can be counted beside them.
    checkNames(config);
  }
}

/** Runtimes ask every few seconds: they do not wait for work in the directory. */
const lockTimeoutSeconds = 1;

/** The short way: what the index says without the lock. */
function isKnownToHaveRoom(config: Config): boolean {
  const state = believedState(config);
  if (state === undefined) return false;
  const places = config.sets.map((set) => {
    const key = setKey(set);
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

function checkUnderLock(config: Config): void {
  const store = new LeaseStore(config);
  try {
    const isFull = (set: RangeSet): boolean => store.isFull(set);
    // A node whose network is full gets no ADD that could reclaim leases.
    if (config.sets.some(isFull) && config.reclaim) reclaim(config, store);
    const full = config.sets.find(isFull);
    if (full === undefined) return;
    throw exhausted(ErrorCode.pluginNotAvailable, full, holders(store, full, config.directory));
  } finally {
    store.commit();
  }
}

function checkNames({ directory, sets }: Config): void {
  for (const set of sets) {
    const held = namesIn(directory, setKey(set));
    if (BigInt(held.length) < capacityOf(set)) continue;
    if (held.some((name) => readLease(directory, name)?.kind === "torn")) continue;
    throw exhausted(ErrorCode.pluginNotAvailable, set, { directory, held: held.length });
  }
}

function checkUsable(directory: string): void {
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
