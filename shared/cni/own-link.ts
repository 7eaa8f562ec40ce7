import type { NetlinkSocket } from "../netlink/client.ts";
import { listAddresses } from "../rtnetlink/address.ts";
import { parseMac } from "../rtnetlink/hardware-address.ts";
import { findLinkByIndex, type Link } from "../rtnetlink/link.ts";
import { leaseHolder, leaseRoot } from "./leases.ts";
import { isLinkAlias, ownerAlias } from "./owner-alias.ts";
import type { Request } from "./plugin.ts";
import { prevResultIfUsable } from "./prev-result.ts";

/**
 * Whether the interface of a DEL is that of its attachment: `CNI_NETNS` may lead to another container by now. The host's
 * end knows by its alias, the result of ADD by MAC and name, host-local by the addresses. Undefined when nothing tells.
 * Throws SystemError.
 *
 * @param host rtnetlink of the host.
 * @param container rtnetlink of the namespace in which the interface was found.
 * @param earlierMac one that the interface had before it got another: a result that tells that one says nothing.
 */
export function isOwnLink(
  request: Request,
  link: Link,
  host: NetlinkSocket,
  container: NetlinkSocket,
  earlierMac = "",
): boolean | undefined {
  const end = hostEndOf(host, link);
  if (end?.alias !== undefined && isLinkAlias(end.alias)) return end.alias === ownerAlias(request);
  const told = toldByResult(request, link, end, earlierMac);
  if (told === true || hasOwnLease(request, link, container)) return true;
  return told;
}

/** The end of a pair that is on the host. A container can make a pair that looks as if it had one there. */
export function hostEndOf(host: NetlinkSocket, link: Link): Link | undefined {
  const end = link.peerIndex === undefined ? undefined : findLinkByIndex(host, link.peerIndex);
  return end?.kind === "veth" && end.peerIndex === link.index ? end : undefined;
}

function toldByResult(
  request: Request,
  link: Link,
  end: Link | undefined,
  earlierMac: string,
): boolean | undefined {
  const interfaces = prevResultIfUsable(request)?.interfaces ?? [];
  const isInside = ({ sandbox = "" }: { sandbox?: string }): boolean => sandbox !== "";
  if (end !== undefined && interfaces.some((entry) => entry.name === end.name && !isInside(entry)))
    return true;
  const mac = interfaces.find((entry) => entry.name === request.ifname && isInside(entry))?.mac ?? "";
  if (mac === "") return undefined;
  if (sameMac(mac, link.mac)) return true;
  return sameMac(mac, earlierMac) ? undefined : false;
}

function sameMac(a: string, b: string): boolean {
  const [one, other] = [parseMac(a), parseMac(b)];
  return one !== undefined && other !== undefined && one.join() === other.join();
}

function hasOwnLease(request: Request, link: Link, container: NetlinkSocket): boolean {
  const { network, containerId, ifname, document } = request;
  const root = leaseRoot(document);
  return listAddresses(container, { index: link.index }).some(({ prefix }) => {
    const holder = leaseHolder(network, prefix.address, root);
    return holder?.containerId === containerId && (holder.ifname === ifname || holder.ifname === "");
  });
}
