import type { Result } from "../../shared/cni/result.ts";
import type { IpPrefix } from "../../shared/ip/prefix.ts";

/** The container's address of each family to which ports lead. */
interface ContainerAddresses {
  readonly 4?: IpPrefix;
  readonly 6?: IpPrefix;
}

/**
 * The first address of each family in the result of the plugins before, without those that the result says are on
 * another interface or on the host.
 */
export function containerAddresses(result: Result, ifname: string): ContainerAddresses {
  const usable = result.ips.filter((ip) => {
    const holder = ip.interface === undefined ? undefined : result.interfaces[ip.interface];
    return holder === undefined || (holder.name === ifname && (holder.sandbox ?? "") !== "");
  });
  const first = (family: 4 | 6) => usable.find((ip) => ip.address.address.family === family)?.address;
  const four = first(4);
  const six = first(6);
  return { ...(four === undefined ? {} : { 4: four }), ...(six === undefined ? {} : { 6: six }) };
}
