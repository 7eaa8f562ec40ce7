import { delegate } from "../../shared/cni/delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { prevResultIfUsable } from "../../shared/cni/prev-result.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import type { IpAddress } from "../../shared/ip/address.ts";
import { inNetns, openNetnsIfPresent } from "../../shared/linux/netns.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { listAddresses } from "../../shared/rtnetlink/address.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { deleteLink, findLink, type Link } from "../../shared/rtnetlink/link.ts";
import type { BridgeConfig } from "./config.ts";
import { startRemovingMasquerade } from "./masquerade.ts";
import type { Owner } from "./owner.ts";
import { removeSpoofCheck } from "./spoof-check.ts";
import { findHostEnds } from "./veth.ts";

/**
 * Removes everything of the attachment: the link pair, masquerade rules, the address. Works without a namespace and
 * without `prevResult`, goes on after a failure and reports the first cause. The address goes last, so that nobody
 * gets it while rules for it are left.
 */
export function del(request: Request, config: BridgeConfig): void {
  const owner: Owner = request;
  const promised = prevResultIfUsable(request)?.ips.map(({ address }) => address) ?? [];
  let remaining: readonly IpAddress[] = [];
  let finishMasquerade = (): void => startRemovingMasquerade(owner, promised, remaining)();
  runAll([
    () => {
      remaining = otherAddresses(request);
    },
    // Whatever the configuration says by now: it may have been another when the attachment was made.
    () => {
      finishMasquerade = startRemovingMasquerade(owner, promised, remaining);
    },
    () => removeFromContainer(request),
    () => removeFromHost(owner),
    () => removeSpoofCheck(owner),
    () => finishMasquerade(),
    () => {
      if (config.ipam.type !== "") delegate(request, config.ipam, "DEL");
    },
  ]);
}

/** The addresses that the container has when its interface is gone. */
function otherAddresses(request: Request): IpAddress[] {
  return inContainer(request, [], (socket) => {
    const link = findContainerEnd(socket, request);
    return listAddresses(socket)
      .filter(({ index }) => index !== link?.index)
      .map(({ prefix }) => prefix.address);
  });
}

/** Deletes the interface inside the container. */
function removeFromContainer(request: Request): void {
  inContainer(request, undefined, (socket) => {
    const link = findContainerEnd(socket, request);
    if (link !== undefined) deleteLink(socket, link);
  });
}

function findContainerEnd(socket: NetlinkSocket, { ifname }: Request): Link | undefined {
  const link = findLink(socket, ifname);
  // An interface of another kind is not what this plugin makes.
  return link?.kind === "veth" ? link : undefined;
}

/** Works with the container's rtnetlink; where there is no container any more, gives `absent`. */
function inContainer<T>(request: Request, absent: T, work: (socket: NetlinkSocket) => T): T {
  const netns = openNetnsIfPresent(request.netns);
  if (netns === undefined) return absent;
  let socket: NetlinkSocket | undefined;
  try {
    socket = inNetns(netns, openRtnetlink);
    return work(socket);
  } finally {
    socket?.close();
    netns.close();
  }
}

/** Deletes what is left on the host: the namespace may be alive although its path is gone or was not given. */
function removeFromHost(owner: Owner): void {
  const rt = openRtnetlink();
  try {
    for (const link of findHostEnds(rt, owner)) deleteLink(rt, link);
  } finally {
    rt.close();
  }
}
