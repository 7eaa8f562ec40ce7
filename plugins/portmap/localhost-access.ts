import type { Result } from "../../shared/cni/result.ts";
import { type IpAddress, isLoopback } from "../../shared/ip/address.ts";
import { isDefaultPrefix, prefixContains } from "../../shared/ip/prefix.ts";
import { ensureSysctl } from "../../shared/linux/sysctl.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { findLinkByIndex } from "../../shared/rtnetlink/link.ts";
import { listRoutes, lookupRoute } from "../../shared/rtnetlink/route.ts";

/**
 * Lets connections to 127.0.0.1 of the host be forwarded to the container: the kernel refuses to send packets with a
 * loopback source through an interface unless its `route_localnet` is set. It is set for the interface behind which
 * the container is directly connected, never for an uplink through which a route happens to lead. It stays set:
 * other containers behind the interface need it.
 *
 * @throws SystemError
 */
export function allowLocalhost(container: IpAddress, previous: Result): void {
  const rt = openRtnetlink();
  try {
    const name = hostInterface(rt, container, previous);
    if (name !== undefined) ensureSysctl(`net/ipv4/conf/${name}/route_localnet`, "1");
  } finally {
    rt.close();
  }
}

function hostInterface(rt: NetlinkSocket, container: IpAddress, previous: Result): string | undefined {
  const route = lookupRoute(rt, container);
  if (route?.oif === undefined || route.gateway !== undefined || isLoopback(container)) return undefined;
  const { oif } = route;
  const link = findLinkByIndex(rt, oif);
  if (link === undefined || link.name === "lo") return undefined;
  const isPlugins = previous.interfaces.some(
    ({ name, sandbox = "" }) => sandbox === "" && name === link.name,
  );
  // Old results do not name interfaces. A default route without gateway leads to an uplink (a tunnel, for example).
  const isConnected = () =>
    listRoutes(rt, 4).some(
      (known) =>
        known.oif === oif &&
        known.gateway === undefined &&
        !isDefaultPrefix(known.dst) &&
        prefixContains(known.dst, container),
    );
  return isPlugins || isConnected() ? link.name : undefined;
}
