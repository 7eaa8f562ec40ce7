import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { prevResultIfUsable } from "../../shared/cni/prev-result.ts";
import { nodeErrno } from "../../shared/errors/system-error.ts";
import { formatIp } from "../../shared/ip/address.ts";
import { type Config, loadConfig } from "./config.ts";
import { isLeaseOf, isLegacyLeaseOf } from "./lease.ts";
import { directoryExists, readLease, readLeases } from "./lease-directory.ts";
import { ownersOf } from "./lease-store.ts";
import { OwnerIndex } from "./owner-index.ts";
import { findRange, type RangeSet } from "./range.ts";

/**
 * Makes sure that the attachment has a lease, and that its address of each range set, as far as prevResult tells, is
 * leased to it. It takes no lock: the leases of a container that is being checked do not change, and those of others
 * do not matter.
 */
export function check(request: Request): void {
  const config = loadConfig(request);
  // A record may be out of date, but a lease file that it leads to cannot lie.
  const recorded = recordedLeases(config, request);
  if (recorded.length > 0 && wrongAddresses(config, request, recorded).length === 0) return;
  const own = allLeases(config, request);
  if (own.length === 0) {
    throw new CniError(
      ErrorCode.checkMismatch,
      `host-local: Failed to find address added by container ${request.containerId}`,
      `no lease in ${config.directory} names it with interface ${request.ifname}: it has to be attached again`,
    );
  }
  const [names] = wrongAddresses(config, request, own);
  if (names === undefined) return;
  throw new CniError(
    ErrorCode.checkMismatch,
    `host-local: ${names.join(", ")} is not leased to container ${request.containerId}`,
    `its leases in ${config.directory} are ${own.join(", ")}; the address in use may be given to another ` +
      "container: it has to be attached again",
  );
}

function recordedLeases({ directory, sideDirectory }: Config, owner: Request): string[] {
  try {
    const recorded = new OwnerIndex(ownersOf(sideDirectory), directory).lookUp(owner) ?? [];
    return recorded
      .map(({ name }) => name)
      .filter((name) => {
        const lease = readLease(directory, name);
        return lease !== undefined && isLeaseOf(lease, owner);
      });
  } catch (error) {
    if (nodeErrno(error) === undefined) throw error;
    return [];
  }
}

function allLeases({ directory }: Config, owner: Request): string[] {
  const files = directoryExists(directory) ? readLeases(directory) : [];
  const full = files.filter(({ lease }) => isLeaseOf(lease, owner));
  const own = full.length > 0 ? full : files.filter(({ lease }) => isLegacyLeaseOf(lease, owner));
  return own.map(({ name }) => name);
}

/**
 * For each set that has none of the addresses in use leased: these addresses. One leased address per set is enough: a
 * further one may have been configured by another plugin of the list.
 */
function wrongAddresses(config: Config, request: Request, own: readonly string[]): string[][] {
  const used = prevResultIfUsable(request)?.ips.map((ip) => ip.address.address) ?? [];
  const usedOf = (set: RangeSet): string[] =>
    used.filter((address) => findRange(set, address) !== undefined).map(formatIp);
  return config.sets
    .map(usedOf)
    .filter((names) => names.length > 0 && !names.some((name) => own.includes(name)));
}
