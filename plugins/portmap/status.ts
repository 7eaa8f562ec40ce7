import type { Request } from "../../shared/cni/plugin.ts";
import { CniError, ErrorCode } from "../../shared/errors/cni-error.ts";
import { IptablesUnavailable, readRules, requireIptables } from "../../shared/iptables/client.ts";
import { hasNftables } from "../../shared/nftables/client.ts";
import { decodeConfig, type PortmapConfig } from "./config.ts";
import { probe } from "./nftables/probe.ts";

/**
 * STATUS: the configuration is valid and the backend that ADD would use works. Throws CniError, code 50 when ports
 * cannot be published.
 */
export function status(request: Request): void {
  const config = decodeConfig(request);
  try {
    tryBackend(config);
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw new CniError(ErrorCode.pluginNotAvailable, error.message, error.details, { cause: error });
  }
}

function tryBackend(config: PortmapConfig): void {
  if (config.backend === "nftables") {
    probe(config);
    return;
  }
  try {
    requireIptables(4);
    readRules(4, "nat");
  } catch (error) {
    if (!(error instanceof IptablesUnavailable && config.isBackendFree && hasNftables())) throw error;
    probe({ ...config, backend: "nftables" });
  }
}
