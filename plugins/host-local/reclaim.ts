import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { asCniError } from "../../shared/cni/errors/as-cni-error.ts";
import { nodeErrno } from "../../shared/errors/system-error.ts";
import { formatIp, parseIp } from "../../shared/ip/address.ts";
import { type BootToken, isEarlierBoot, readUptime } from "./boot.ts";
import { type StoreSettings, sideDirectoryName } from "./config.ts";
import { fileIdentity } from "./directory-mark.ts";
import { isLeaseName, type LeaseFile, readLeases } from "./lease-directory.ts";
import { type LeaseStore, ownersOf } from "./lease-store.ts";
import { type MachineUse, seesWholeMachine, surveyMachine, UnseenError } from "./machine.ts";
import { OwnerIndex } from "./owner-index.ts";

/** A lease file, and whether it is known to be of an earlier boot of this machine. */
export interface DatedLease extends LeaseFile {
  readonly earlier: boolean;
}

/** How often a full network is searched for what can be reclaimed: containers may end that held a lease. */
const searchIntervalSeconds = 10;

/**
 * Releases the leases of the network that provably nobody uses. Returns whether there was one.
 *
 * @param store holds the lock.
 */
export function reclaim(settings: StoreSettings, store: LeaseStore): boolean {
  if (store.earlier === 0) return false;
  const uptime = readUptime();
  if (store.searched !== 0 && uptime - store.searched < searchIntervalSeconds) return false;
  const unused = findUnused(settings, store.boot);
  for (const file of unused) store.release(file);
  if (unused.length === 0) store.searched = uptime;
  return unused.length > 0;
}

/** Whether `reclaim` would search. */
export function maySearch(state: { readonly earlier: number; readonly searched: number }): boolean {
  return (
    state.earlier > 0 && (state.searched === 0 || readUptime() - state.searched >= searchIntervalSeconds)
  );
}

function findUnused(settings: StoreSettings, boot: BootToken): LeaseFile[] {
  try {
    if (!seesWholeMachine()) return [];
    const own = datedLeases(settings.directory, settings.sideDirectory, boot);
    return selectUnused(own, otherNetworks(settings, boot), surveyMachine());
  } catch (error) {
    // With a part unseen, nothing is proven.
    if (nodeErrno(error) !== undefined || asCniError(error) !== undefined || error instanceof UnseenError)
      return [];
    throw error;
  }
}

/**
 * The leases that nobody uses: of an earlier boot of this machine, of a container that has been attached to no network
 * in this boot, and has no process, and with an address that no interface has.
 */
export function selectUnused(
  leases: readonly DatedLease[],
  others: readonly DatedLease[],
  { addresses, processes }: MachineUse,
): LeaseFile[] {
  const attached = new Set([...leases, ...others].filter(({ earlier }) => !earlier).map(containerOf));
  return leases.filter((lease) => {
    const container = containerOf(lease);
    return (
      lease.earlier &&
      container !== "" &&
      !attached.has(container) &&
      !addresses.has(canonical(lease.name)) &&
      !processes.includes(container)
    );
  });
}

/** A person may have written an address in another way. */
function canonical(name: string): string {
  const address = parseIp(name);
  return address === undefined ? name : formatIp(address);
}

function containerOf({ lease }: LeaseFile): string {
  return lease.kind === "lease" || lease.kind === "legacy" ? lease.containerId : "";
}

function otherNetworks(settings: StoreSettings, boot: BootToken): DatedLease[] {
  const dataDir = dirname(settings.directory);
  return readdirSync(dataDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
    .map(({ name }) => name)
    .filter((name) => name !== sideDirectoryName && name !== basename(settings.directory))
    .flatMap((name) => datedLeases(join(dataDir, name), join(dataDir, sideDirectoryName, name), boot));
}

function datedLeases(directory: string, sideDirectory: string, boot: BootToken): DatedLease[] {
  const records = new OwnerIndex(ownersOf(sideDirectory), directory).all();
  const files = new Map(
    records.filter((record) => isEarlierBoot(record.boot, boot)).map(({ name, file }) => [name, file]),
  );
  return readLeases(directory)
    .filter(({ name }) => isLeaseName(name))
    .map((file): DatedLease => {
      const recorded = files.get(file.name);
      const earlier = recorded !== undefined && recorded === fileIdentity(join(directory, file.name));
      return { ...file, earlier };
    });
}
