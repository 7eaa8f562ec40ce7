import type { Result, ResultIp, Route } from "../../shared/cni/result.ts";
import { type IpAddress, offsetIp } from "../../shared/ip/address.ts";
import { type IpPrefix, isDefaultPrefix, networkOf } from "../../shared/ip/prefix.ts";
import type { BridgeConfig } from "./config.ts";

/** What IPAM gave, completed: gateways, default routes, and the addresses that the bridge needs as gateway. */
export interface Addressing {
  readonly ips: readonly ResultIp[];
  readonly routes: readonly Route[];
  readonly gatewayAddresses: readonly IpPrefix[];
}

/**
 * Completes the IPAM plugin's result. Pure.
 *
 * @param interfaceIndex of the container's interface in the result.
 */
export function completeAddressing(
  ipam: Result,
  config: Pick<BridgeConfig, "isGateway" | "isDefaultGateway">,
  interfaceIndex: number,
): Addressing {
  const ips: ResultIp[] = ipam.ips.map((ip) => {
    const gateway = ip.gateway ?? (config.isGateway ? firstAddress(ip.address) : undefined);
    return { address: ip.address, interface: interfaceIndex, ...(gateway === undefined ? {} : { gateway }) };
  });
  const routes = [...ipam.routes];
  const gatewayAddresses: IpPrefix[] = [];
  for (const { address, gateway } of ips) {
    if (gateway === undefined) continue;
    if (config.isDefaultGateway && !hasDefaultRoute(routes, gateway.family)) {
      routes.push({ dst: defaultPrefix(gateway.family), gw: gateway });
    }
    if (config.isGateway) gatewayAddresses.push({ address: gateway, prefixLength: address.prefixLength });
  }
  return {
    ips,
    routes,
    // IPv4 first, and each address once.
    gatewayAddresses: [4, 6].flatMap((family) =>
      gatewayAddresses.filter(
        ({ address }, index) =>
          address.family === family &&
          gatewayAddresses.findIndex((other) => other.address.value === address.value) === index,
      ),
    ),
  };
}

/** The usual gateway: the network's address plus one. */
function firstAddress(address: IpPrefix): IpAddress {
  return offsetIp(networkOf(address).address, 1n);
}

/** A default route without `gw` goes by the address's gateway: a second one would be its duplicate. */
function hasDefaultRoute(routes: readonly Route[], family: 4 | 6): boolean {
  return routes.some(({ dst }) => dst.address.family === family && isDefaultPrefix(dst));
}

function defaultPrefix(family: 4 | 6): IpPrefix {
  return { address: { family, value: 0n }, prefixLength: 0 };
}
