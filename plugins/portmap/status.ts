import type { Request } from "../../shared/cni/plugin.ts";
import { CniError, ErrorCode } from "../../shared/errors/cni-error.ts";
import { readRules, requireIptables } from "../../shared/iptables/client.ts";
import { decodeConfig } from "./config.ts";

/** STATUS: the configuration is valid and iptables works. Throws CniError, code 50 when ports cannot be published. */
export function status(request: Request): void {
  decodeConfig(request);
  try {
    requireIptables(4);
    readRules(4, "nat");
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw new CniError(ErrorCode.pluginNotAvailable, error.message, error.details, { cause: error });
  }
}
