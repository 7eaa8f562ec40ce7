import { ownerComment } from "../../../shared/cni/owner-comment.ts";
import type { Result } from "../../../shared/cni/result.ts";
import type { UndoStack } from "../../../shared/cni/undo-stack.ts";
import { type IpAddress, isLoopback } from "../../../shared/ip/address.ts";
import { isDefaultPrefix, prefixContains } from "../../../shared/ip/prefix.ts";
import type { Iptables } from "../../../shared/iptables/client.ts";
import type { NetlinkSocket } from "../../../shared/netlink/client.ts";
import { openRtnetlink } from "../../../shared/rtnetlink/client.ts";
import { findLinkByIndex } from "../../../shared/rtnetlink/link.ts";
import { listRoutes, lookupRoute } from "../../../shared/rtnetlink/route.ts";
import type { Publication } from "../publication.ts";
import { closeFor, isGuarded, isOpen, openFor, routeLocalnet } from "./guard.ts";

/** The way from the host's 127.0.0.1 to a container. */
interface LocalhostPath {
  /** The attachment's comment. */
  readonly owner: string;
  readonly container: IpAddress;
  /** The result of the plugins before, which names the interfaces that they have created. */
  readonly previous: Result;
}

/** Returns the path to what is published, if there is to be one: the kernel has no such thing for IPv6. */
export function localhostPath(
  publications: readonly Publication[],
  previous: Result,
): LocalhostPath | undefined {
  const four = publications.find(({ family }) => family === 4);
  if (four === undefined || four.config.masquerade.kind === "off") return undefined;
  return { owner: ownerComment(four.attachment), container: four.container.address, previous };
}

/**
 * Lets connections to 127.0.0.1 of the host be forwarded to the container. The kernel sends packets with a loopback source
 * only through interfaces whose `route_localnet` is set. It is set for the interface to which the container is directly
 * connected, never for an uplink through which a route leads. Since it also lets everybody behind that interface address
 * the host's 127.0.0.1, such packets are dropped.
 *
 * @throws SystemError
 */
export function allowLocalhost(iptables: Iptables, path: LocalhostPath, undo: UndoStack): void {
  const name = hostInterface(path);
  if (name === undefined) return;
  undo.push(() => closeFor(iptables, path.owner));
  openFor(iptables, path.owner, name);
}

/**
 * Returns what is wrong with 127.0.0.1, in words: connections do not get to the container, or its neighbours get to the
 * host. Undefined if all is well. Throws SystemError.
 *
 * @param isOurs whether the second is to be checked: the Go plugin does not keep neighbours out.
 */
export function localhostRefusal(path: LocalhostPath, isOurs: boolean): string | undefined {
  const name = hostInterface(path);
  if (name === undefined) return undefined;
  if (!isOpen(name)) return `sysctl ${routeLocalnet(name)} is 0: 127.0.0.1 does not lead to the container`;
  if (!isOurs || isGuarded(path.owner, name)) return undefined;
  return `table ip cni_localhost does not keep containers behind ${name} from the host's 127.0.0.1`;
}

function hostInterface(path: LocalhostPath): string | undefined {
  const rt = openRtnetlink();
  try {
    return connectedInterface(rt, path);
  } finally {
    rt.close();
  }
}

function connectedInterface(rt: NetlinkSocket, { container, previous }: LocalhostPath): string | undefined {
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
