import type { AttachmentKey } from "../../shared/cni/attachment-key.ts";
import type { Result } from "../../shared/cni/result.ts";
import type { IpFamily } from "../../shared/ip/address.ts";
import type { IpPrefix } from "../../shared/ip/prefix.ts";
import type { PortmapConfig } from "./config.ts";
import { mappingsOf } from "./mappings.ts";

/** The ports that one attachment publishes in one family. */
export interface Publication {
  readonly attachment: AttachmentKey;
  readonly config: PortmapConfig;
  readonly family: IpFamily;
  /** The container's address, to which the ports lead, with the prefix length of its network. */
  readonly container: IpPrefix;
}

/** The container's address of each family to which ports lead. */
interface ContainerAddresses {
  readonly 4?: IpPrefix;
  readonly 6?: IpPrefix;
}

/**
 * Returns the first address of each family in the result of the plugins before, without those that the result says are
 * on another interface or on the host.
 */
export function containerAddresses(result: Result, ifname: string): ContainerAddresses {
  const usable = result.ips.filter((ip) => {
    const holder = ip.interface === undefined ? undefined : result.interfaces[ip.interface];
    return holder === undefined || (holder.name === ifname && (holder.sandbox ?? "") !== "");
  });
  const first = (family: IpFamily) => usable.find((ip) => ip.address.address.family === family)?.address;
  const four = first(4);
  const six = first(6);
  return { ...(four === undefined ? {} : { 4: four }), ...(six === undefined ? {} : { 6: six }) };
}

/**
 * Returns what an attachment publishes: a publication for each family of which the container has an address. A family
 * without mappings of its own, since all of them are for addresses of the other one, has one only if `publishesIdle`
 * says so.
 */
export function publicationsOf(
  { network, containerId, ifname }: AttachmentKey,
  config: PortmapConfig,
  result: Result,
  publishesIdle: (family: IpFamily) => boolean,
): Publication[] {
  if (config.mappings.length === 0) return [];
  const addresses = containerAddresses(result, ifname);
  return ([4, 6] as const).flatMap((family) => {
    const container = addresses[family];
    if (container === undefined) return [];
    const isIdle = mappingsOf(config.mappings, family).length === 0;
    if (isIdle && !publishesIdle(family)) return [];
    return [{ attachment: { network, containerId, ifname }, config, family, container }];
  });
}
