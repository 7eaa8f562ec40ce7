import type { Request } from "../../shared/cni/plugin.ts";
import { prevResultIfUsable } from "../../shared/cni/prev-result.ts";
import { CniError, ErrorCode } from "../../shared/errors/cni-error.ts";
import { formatIp } from "../../shared/ip/address.ts";
import { type Config, loadConfig } from "./config.ts";
import { isLeaseOf, isLegacyLeaseOf } from "./lease.ts";
import { directoryExists, readLeases } from "./lease-directory.ts";
import { findRange } from "./range.ts";

/**
 * Makes sure that the attachment has a lease, and that its address of each range set, as far as prevResult tells, is
 * leased to it. It takes no lock: the leases of a container that is being checked do not change, and those of others
 * do not matter.
 */
export function check(request: Request): void {
  const config = loadConfig(request);
  const files = directoryExists(config.directory) ? readLeases(config.directory) : [];
  const full = files.filter(({ lease }) => isLeaseOf(lease, request));
  const own = full.length > 0 ? full : files.filter(({ lease }) => isLegacyLeaseOf(lease, request));
  if (own.length === 0) {
    throw new CniError(
      ErrorCode.checkMismatch,
      `host-local: Failed to find address added by container ${request.containerId}`,
      `no lease in ${config.directory} names it with interface ${request.ifname}: it has to be attached again`,
    );
  }
  checkAddresses(config, request, new Set(own.map(({ name }) => name)));
}

/**
 * One leased address per set is enough: a further one may have been configured by another plugin of the list.
 */
function checkAddresses(config: Config, request: Request, own: ReadonlySet<string>): void {
  const used = prevResultIfUsable(request)?.ips.map((ip) => ip.address.address) ?? [];
  for (const set of config.sets) {
    const names = used.filter((address) => findRange(set, address) !== undefined).map(formatIp);
    if (names.length === 0 || names.some((name) => own.has(name))) continue;
    throw new CniError(
      ErrorCode.checkMismatch,
      `host-local: ${names.join(", ")} is not leased to container ${request.containerId}`,
      `its leases in ${config.directory} are ${[...own].join(", ")}; the address in use may be given to another ` +
        "container: it has to be attached again",
    );
  }
}
