import { inContainerIfPresent } from "../../shared/cni/container-netns.ts";
import { delegate } from "../../shared/cni/delegate.ts";
import { leaseRoot } from "../../shared/cni/leases.ts";
import { isOwnLink } from "../../shared/cni/own-link.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { prevResultIfUsable } from "../../shared/cni/prev-result.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { deleteLink, findLink } from "../../shared/rtnetlink/link.ts";
import type { BridgeConfig } from "./config.ts";
import { startRemovingMasquerade } from "./masquerade.ts";
import type { Owner } from "./owner.ts";
import { siblingAddresses } from "./siblings.ts";
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
  let finishMasquerade = (): void => undefined;
  runAll([
    // Whatever the configuration says by now: it may have been another when the attachment was made.
    () => {
      const stays = siblingAddresses(owner, promised, leaseRoot(request.document));
      finishMasquerade = startRemovingMasquerade(owner, promised, stays);
    },
    () => removeLinks(request),
    () => removeSpoofCheck(owner),
    () => finishMasquerade(),
    () => {
      if (config.ipam.type !== "") delegate(request, config.ipam, "DEL");
    },
  ]);
}

/** Either end takes the other along. The namespace may be alive although its path is gone or was not given. */
function removeLinks(request: Request): void {
  const host = openRtnetlink();
  try {
    const ends = findHostEnds(host, request);
    for (const end of ends) deleteLink(host, end);
    if (ends.length === 0) removeUnmarked(request, host);
  } finally {
    host.close();
  }
}

/** The Go plugin does not mark the host's end. What is found by its path in the container has to be this attachment's. */
function removeUnmarked(request: Request, host: NetlinkSocket): void {
  const container = inContainerIfPresent(request, openRtnetlink);
  if (container === undefined) return;
  try {
    const link = findLink(container, request.ifname);
    if (link?.kind === "veth" && isOwnLink(request, link, host, container) === true)
      deleteLink(container, link);
  } finally {
    container.close();
  }
}
