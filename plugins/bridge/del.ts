import { delegate } from "../../shared/cni/delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { prevResultIfUsable } from "../../shared/cni/prev-result.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import type { IpAddress } from "../../shared/ip/address.ts";
import { inNetns, openNetnsIfPresent } from "../../shared/linux/netns.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { listAddresses } from "../../shared/rtnetlink/address.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { deleteLink, findLink } from "../../shared/rtnetlink/link.ts";
import type { BridgeConfig } from "./config.ts";
import { removeMasquerade } from "./masquerade.ts";
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
  runAll([
    () => {
      remaining = removeFromContainer(request);
    },
    () => removeFromHost(owner),
    // Whatever the configuration says by now: it may have been another when the attachment was made.
    () => removeSpoofCheck(owner),
    () => removeMasquerade(owner, promised, remaining),
    () => {
      if (config.ipam.type !== "") delegate(request, config.ipam, "DEL");
    },
  ]);
}

/** Deletes the interface inside the container, and returns the addresses that the container has after that. */
function removeFromContainer(request: Request): IpAddress[] {
  const netns = openNetnsIfPresent(request.netns);
  if (netns === undefined) return [];
  let socket: NetlinkSocket | undefined;
  try {
    socket = inNetns(netns, openRtnetlink);
    const link = findLink(socket, request.ifname);
    // An interface of another kind is not what this plugin makes.
    if (link?.kind === "veth") deleteLink(socket, link);
    return listAddresses(socket).map(({ prefix }) => prefix.address);
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
