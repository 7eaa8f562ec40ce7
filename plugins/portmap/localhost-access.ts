import type { Result } from "../../shared/cni/result.ts";
import { type IpAddress, isLoopback } from "../../shared/ip/address.ts";
import { isDefaultPrefix, prefixContains } from "../../shared/ip/prefix.ts";
import { requireSysctl } from "../../shared/linux/required-sysctl.ts";
import { readSysctl } from "../../shared/linux/sysctl.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { findLinkByIndex } from "../../shared/rtnetlink/link.ts";
import { listRoutes, lookupRoute } from "../../shared/rtnetlink/route.ts";
import type { PortmapConfig } from "./config.ts";
import type { PublishedFamily } from "./families.ts";

/** What the host's 127.0.0.1 leads to, if anything: the kernel has no such thing for IPv6. */
export function localhostFamily(
  { masquerade }: PortmapConfig,
  families: readonly PublishedFamily[],
): PublishedFamily | undefined {
  return masquerade.kind === "off" ? undefined : families.find(({ family }) => family === 4);
}

/**
 * Lets connections to 127.0.0.1 of the host be forwarded to the container: the kernel refuses to send packets with a
 * loopback source through an interface unless its `route_localnet` is set. It is set for the interface behind which
 * the container is directly connected, never for an uplink through which a route happens to lead. It stays set:
 * other containers behind the interface need it.
 *
 * @throws SystemError
 */
export function allowLocalhost(container: IpAddress, previous: Result): void {
  const name = hostInterface(container, previous);
  if (name === undefined) return;
  try {
    requireSysctl(routeLocalnet(name), "1", otherwise);
  } catch (error) {
    if (!isAllowed("all")) throw error;
  }
}

/** What keeps connections to 127.0.0.1 from the container, in words; undefined when nothing does. Throws SystemError. */
export function localhostRefusal(container: IpAddress, previous: Result): string | undefined {
  const name = hostInterface(container, previous);
  if (name === undefined || isAllowed(name) || isAllowed("all")) return undefined;
  return `sysctl ${routeLocalnet(name)} is 0: 127.0.0.1 does not lead to the container`;
}

const otherwise = '"snat": false, which leaves 127.0.0.1 out';

/** The kernel takes it when the interface, or "all", allows it. */
function isAllowed(place: string): boolean {
  return readSysctl(routeLocalnet(place)) !== "0";
}

function routeLocalnet(name: string): string {
  return `net/ipv4/conf/${name}/route_localnet`;
}

function hostInterface(container: IpAddress, previous: Result): string | undefined {
  const rt = openRtnetlink();
  try {
    return connectedInterface(rt, container, previous);
  } finally {
    rt.close();
  }
}

function connectedInterface(rt: NetlinkSocket, container: IpAddress, previous: Result): string | undefined {
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
