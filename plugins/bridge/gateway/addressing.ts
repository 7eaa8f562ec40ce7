import type { Result, ResultIp, Route } from "../../../shared/cni/result.ts";
import { type IpAddress, type IpFamily, offsetIp } from "../../../shared/ip/address.ts";
import { type IpPrefix, isDefaultPrefix, networkOf } from "../../../shared/ip/prefix.ts";
import type { BridgeConfig } from "../config.ts";

/** The addresses and routes of a container, and the gateway addresses that the host needs for them. */
export interface Addressing {
  readonly ips: readonly ResultIp[];
  readonly routes: readonly Route[];
  readonly gatewayAddresses: readonly IpPrefix[];
}

/** Completes the IPAM plugin's result with gateways and default routes. Pure. */
export function completeAddressing(
  ipam: Pick<Result, "ips" | "routes">,
  config: Pick<BridgeConfig, "isGateway" | "isDefaultGateway">,
): Addressing {
  const ips: ResultIp[] = ipam.ips.map((ip) => {
    const gateway = ip.gateway ?? (config.isGateway ? firstAddress(ip.address) : undefined);
    return { address: ip.address, ...(gateway === undefined ? {} : { gateway }) };
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

/** The usual gateway of a network: its first address behind its own. */
function firstAddress(address: IpPrefix): IpAddress {
  return offsetIp(networkOf(address).address, 1n);
}

/** True for a default route with or without `gw`: without, it uses the address's gateway. */
function hasDefaultRoute(routes: readonly Route[], family: IpFamily): boolean {
  return routes.some(({ dst }) => dst.address.family === family && isDefaultPrefix(dst));
}

function defaultPrefix(family: IpFamily): IpPrefix {
  return { address: { family, value: 0n }, prefixLength: 0 };
}
