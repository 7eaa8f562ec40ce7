import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { prevResultIfUsable } from "../../shared/cni/prev-result.ts";
import { nodeErrno } from "../../shared/errors/system-error.ts";
import { formatIp } from "../../shared/ip/address.ts";
import type { Config } from "./config.ts";
import { ownersOf } from "./index/lease-store.ts";
import { OwnerIndex } from "./index/owner-index.ts";
import { directoryExists, readLease, readLeases } from "./leases/directory.ts";
import { isLeaseOf, isLegacyLeaseOf } from "./leases/lease.ts";
import { findRange, type RangeSet } from "./ranges/range.ts";

/**
 * Makes sure that the attachment has a lease, and that its addresses in prevResult are leased to it, one of each range
 * set. Takes no lock: the leases of a container that is being checked do not change, and those of others do not matter.
 *
 * @throws CniError code 105 on a difference.
 */
export function check(request: Request, config: Config): void {
  // A record may be out of date. The lease files that it leads to count.
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
 * The addresses in use of each set of which none is leased. One leased address of a set is enough: another plugin of
 * the list may have configured more.
 */
function wrongAddresses(config: Config, request: Request, own: readonly string[]): string[][] {
  const used = prevResultIfUsable(request)?.ips.map((ip) => ip.address.address) ?? [];
  const usedOf = (set: RangeSet): string[] =>
    used.filter((address) => findRange(set, address) !== undefined).map(formatIp);
  return config.sets
    .map(usedOf)
    .filter((names) => names.length > 0 && !names.some((name) => own.includes(name)));
}
