import { asCniError } from "../../shared/cni/errors/as-cni-error.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { hasIptables, IptablesUnavailable, requireIptables } from "../../shared/iptables/client.ts";
import type { Ruleset } from "../../shared/iptables/ruleset.ts";
import { readRules } from "../../shared/iptables/transitional.ts";
import { hasNftables } from "../../shared/nftables/client.ts";
import { decodeConfig, type PortmapConfig } from "./config.ts";
import { probe } from "./nftables/probe.ts";
import { noMarkChain } from "./plan.ts";

/**
 * STATUS: the configuration is valid and the backend that ADD would use works. Of the families only IPv4 is looked at,
 * since nothing tells whether there will be IPv6 addresses.
 *
 * @throws CniError code 50 when ports cannot be published.
 */
export function status(request: Request): void {
  const config = decodeConfig(request);
  try {
    tryBackend(config);
  } catch (error) {
    const known = asCniError(error);
    if (known === undefined) throw error;
    throw new CniError(ErrorCode.pluginNotAvailable, known.message, known.details, { cause: error });
  }
}

function tryBackend(config: PortmapConfig): void {
  if (config.backend === "nftables") {
    probe(config);
    return;
  }
  try {
    requireIptables(4);
    requireMarkChain(config, readRules(4, "nat"));
  } catch (error) {
    if (!(error instanceof IptablesUnavailable && config.isBackendFree && hasNftables())) throw error;
    probe({ ...config, backend: "nftables" });
  }
}

/** Somebody else's chain, which each family needs whose ports are published: that one has it will do here. */
function requireMarkChain({ masquerade }: PortmapConfig, four: Ruleset): void {
  if (masquerade.kind !== "chain" || four.has(masquerade.chain)) return;
  if (hasIptables(6) && readRules(6, "nat").has(masquerade.chain)) return;
  throw noMarkChain(masquerade.chain, "iptables and ip6tables");
}
