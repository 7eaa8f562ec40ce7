import { asCniError } from "../../shared/cni/errors/as-cni-error.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { decideBackend } from "./backend.ts";
import type { Clients } from "./clients.ts";
import type { FirewallConfig } from "./config.ts";

/** Asserts that ADD would work on this host. Throws CniError code 50. */
export function status(config: FirewallConfig, clients: Clients): void {
  try {
    decideBackend(config, clients).status();
  } catch (error) {
    const known = asCniError(error);
    if (known === undefined) throw error;
    throw new CniError(ErrorCode.pluginNotAvailable, known.message, known.details, { cause: error });
  }
}
