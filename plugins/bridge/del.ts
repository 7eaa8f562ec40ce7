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
  let container: Container | undefined;
  let remaining: readonly IpAddress[] = [];
  let finishMasquerade = (): void => undefined;
  runAll([
    () => {
      container = openContainer(request);
    },
    () => {
      if (container !== undefined) remaining = otherAddresses(container);
    },
    // Whatever the configuration says by now: it may have been another when the attachment was made.
    () => {
      finishMasquerade = startRemovingMasquerade(owner, promised, remaining);
    },
    () => {
      if (container?.link !== undefined) deleteLink(container.socket, container.link);
    },
    () => removeFromHost(owner),
    () => removeSpoofCheck(owner),
    () => finishMasquerade(),
    () => {
      if (config.ipam.type !== "") delegate(request, config.ipam, "DEL");
    },
    () => container?.socket.close(),
  ]);
}

/** The container's rtnetlink, and the interface there if it is one that this plugin makes. */
interface Container {
  readonly socket: NetlinkSocket;
  readonly link: Link | undefined;
}

function openContainer({ netns: path, ifname }: Request): Container | undefined {
  const netns = openNetnsIfPresent(path);
  if (netns === undefined) return undefined;
  try {
    const socket = inNetns(netns, openRtnetlink);
    const link = findLink(socket, ifname);
    return { socket, link: link?.kind === "veth" ? link : undefined };
  } finally {
    netns.close();
  }
}

/** The addresses that the container has when its interface is gone. */
function otherAddresses({ socket, link }: Container): IpAddress[] {
  return listAddresses(socket)
    .filter(({ index }) => index !== link?.index)
    .map(({ prefix }) => prefix.address);
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
