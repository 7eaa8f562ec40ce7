import { ownerComment } from "../../shared/cni/owner-comment.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import type { UndoStack } from "../../shared/cni/undo-stack.ts";
import { type IpAddress, isLoopback } from "../../shared/ip/address.ts";
import { isDefaultPrefix, prefixContains } from "../../shared/ip/prefix.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { findLinkByIndex } from "../../shared/rtnetlink/link.ts";
import { listRoutes, lookupRoute } from "../../shared/rtnetlink/route.ts";
import type { PortmapConfig } from "./config.ts";
import type { PublishedFamily } from "./families.ts";
import { closeFor, isGuarded, isOpen, openFor, routeLocalnet } from "./localhost-guard.ts";

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
 * the container is directly connected, never for an uplink through which a route happens to lead. The same setting
 * lets everybody behind the interface address the host's 127.0.0.1, which is why that is dropped.
 *
 * @throws SystemError
 */
export function allowLocalhost(
  request: Request,
  container: IpAddress,
  previous: Result,
  undo: UndoStack,
): void {
  const name = hostInterface(container, previous);
  if (name === undefined) return;
  undo.push(() => closeFor(ownerComment(request)));
  openFor(ownerComment(request), name);
}

/**
 * What keeps connections to 127.0.0.1 from the container, or does not keep neighbours from the host's, in words;
 * undefined when all is well. Throws SystemError.
 *
 * @param isOurs the Go plugin's containers, which look alike with iptables, have nothing of the second.
 */
export function localhostRefusal(
  request: Request,
  container: IpAddress,
  previous: Result,
  isOurs: boolean,
): string | undefined {
  const name = hostInterface(container, previous);
  if (name === undefined) return undefined;
  if (!isOpen(name)) return `sysctl ${routeLocalnet(name)} is 0: 127.0.0.1 does not lead to the container`;
  if (!isOurs || isGuarded(ownerComment(request), name)) return undefined;
  return `table ip cni_localhost does not keep containers behind ${name} from the host's 127.0.0.1`;
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
