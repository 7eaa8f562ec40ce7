import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { asCniError } from "../../../shared/cni/errors/as-cni-error.ts";
import { nodeErrno } from "../../../shared/errors/system-error.ts";
import { formatIp, parseIp } from "../../../shared/ip/address.ts";
import { type StoreSettings, sideDirectoryName } from "../config.ts";
import { type BootToken, isEarlierBoot, readUptime } from "../index/boot.ts";
import { type LeaseStore, ownersOf } from "../index/lease-store.ts";
import { OwnerIndex } from "../index/owner-index.ts";
import { fileIdentity } from "../index/owner-record.ts";
import { isLeaseName, type LeaseFile, readLeases } from "../leases/directory.ts";
import { type MachineUse, seesWholeMachine, surveyMachine, UnseenError } from "./machine.ts";

/** A lease file that may be of an earlier boot of this machine. */
export interface DatedLease extends LeaseFile {
  readonly earlier: boolean;
}

/** The least time between two searches of a full network: containers may end meanwhile. */
const searchIntervalSeconds = 10;

/**
 * Releases the leases of the network that are proven to be unused. Returns false when there was none.
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

/** True when `reclaim` would search now. */
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
    // Nothing is proven unless all was seen.
    if (nodeErrno(error) !== undefined || asCniError(error) !== undefined || error instanceof UnseenError)
      return [];
    throw error;
  }
}

/**
 * The leases that are proven to be unused: they are of an earlier boot of this machine, no interface has their address,
 * and their container has no process and no lease of this boot in any network.
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

/** The usual spelling of an address: somebody may have named a file in another one. */
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
