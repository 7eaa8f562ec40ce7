import { asCniError } from "../../shared/cni/errors/as-cni-error.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { IptablesUnavailable } from "../../shared/iptables/client.ts";
import { hasNftables } from "../../shared/nftables/client.ts";
import type { Setup } from "./setup.ts";

/**
 * STATUS: the configuration is valid and the backend that ADD would use works. Of the families only IPv4 is looked at,
 * since nothing tells whether there will be IPv6 addresses.
 *
 * @throws CniError code 50 when ports cannot be published.
 */
export function status(setup: Setup): void {
  try {
    tryBackend(setup);
  } catch (error) {
    const known = asCniError(error);
    if (known === undefined) throw error;
    throw new CniError(ErrorCode.pluginNotAvailable, known.message, known.details, { cause: error });
  }
}

function tryBackend({ config, backend, otherBackend }: Setup): void {
  try {
    backend.status(config);
  } catch (error) {
    if (!(error instanceof IptablesUnavailable && config.isBackendFree && hasNftables())) throw error;
    otherBackend.status(config);
  }
}
