import type { Result } from "../../shared/cni/result.ts";
import type { IpPrefix } from "../../shared/ip/prefix.ts";
import { hasIptables } from "../../shared/iptables/client.ts";
import { containerAddresses } from "./addresses.ts";
import type { PortmapConfig } from "./config.ts";
import { mappingsOf } from "./mappings.ts";

/** One family in which ports are published. */
export interface PublishedFamily {
  readonly family: 4 | 6;
  readonly address: IpPrefix;
}

/**
 * The families that need rules: those of which the container has an address. Where all mappings are for addresses of
 * the other family, nothing would be forwarded; with iptables rules are made for likeness with the Go plugin if they
 * can be.
 */
export function publishedFamilies(config: PortmapConfig, result: Result, ifname: string): PublishedFamily[] {
  if (config.mappings.length === 0) return [];
  const addresses = containerAddresses(result, ifname);
  return ([4, 6] as const).flatMap((family) => {
    const address = addresses[family];
    if (address === undefined) return [];
    const isIdle = mappingsOf(config.mappings, family).length === 0;
    if (isIdle && (config.backend === "nftables" || !hasIptables(family))) return [];
    return [{ family, address }];
  });
}
