import { lazy } from "../../shared/basics/lazy.ts";
import type { AttachmentKey } from "../../shared/cni/attachment-key.ts";
import type { Attachment } from "../../shared/cni/attachments.ts";
import { inContainerIfPresent } from "../../shared/cni/container-netns.ts";
import { isOwnLink } from "../../shared/cni/own-link.ts";
import { groupOfNetwork, isAliasOfNetwork, ownerAlias } from "../../shared/cni/owner-alias.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { sha512 } from "../../shared/cni/sha512.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { deleteLink, findLink, type Link, listLinks } from "../../shared/rtnetlink/link.ts";

/** How many names of a host's end are tried. */
export const hostLinkNames = 4;

/**
 * The name of the host's end of an attachment. It follows from the key, so that DEL finds the link without a search and
 * without the container's namespace. ADD passes over a name that another link has.
 *
 * @param attempt 0 for the usual name, higher when the ones before are taken.
 */
export function hostLinkName(key: AttachmentKey, attempt: number): string {
  return `veth${sha512(`${ownerAlias(key)}:${attempt}`).slice(0, 8)}`;
}

/**
 * The host's ends of an attachment: found by their names, or, when somebody has renamed the link, by the alias. Throws
 * SystemError.
 */
export function findHostEnds(rt: NetlinkSocket, key: AttachmentKey): Link[] {
  const alias = ownerAlias(key);
  const found: Link[] = [];
  for (let attempt = 0; attempt < hostLinkNames; attempt++) {
    const link = findLink(rt, hostLinkName(key, attempt));
    // Without an alias: killed before it was set. The name alone is a hash of the key.
    if (link?.kind === "veth" && (link.alias === undefined || link.alias === alias)) found.push(link);
  }
  if (found.length > 0) return found;
  return listLinks(rt).filter((link) => link.kind === "veth" && link.alias === alias);
}

/**
 * Removes the links of an attachment: either end takes the other along. The namespace may be alive although its path is
 * gone or was not given. Throws SystemError.
 */
export function removeLinks(request: Request): void {
  const host = openRtnetlink();
  try {
    const ends = findHostEnds(host, request);
    for (const end of ends) deleteLink(host, end);
    if (ends.length === 0) removeUnmarked(request, host);
  } finally {
    host.close();
  }
}

/** The Go plugin does not mark the host's end. A link found by its name in the container must be this attachment's. */
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

/** Removes the links of a network's attachments that are not listed. Throws SystemError. */
export function collectLinks(network: string, valid: readonly Attachment[]): void {
  const rt = openRtnetlink();
  try {
    runAll(findStaleHostEnds(rt, network, valid).map((link) => () => deleteLink(rt, link)));
  } finally {
    rt.close();
  }
}

function findStaleHostEnds(rt: NetlinkSocket, network: string, valid: readonly Attachment[]): Link[] {
  const keys = valid.map((attachment) => ({ ...attachment, network }));
  const aliases = new Set(keys.map(ownerAlias));
  const names = lazy(
    () =>
      new Set(
        keys.flatMap((key) =>
          Array.from({ length: hostLinkNames }, (_, attempt) => hostLinkName(key, attempt)),
        ),
      ),
  );
  const group = groupOfNetwork(network);
  return listLinks(rt).filter((link) => {
    if (link.kind !== "veth") return false;
    if (link.alias !== undefined) return isAliasOfNetwork(network, link.alias) && !aliases.has(link.alias);
    // Killed between creating it and making it a port of the bridge.
    return link.group === group && link.master === undefined && !names().has(link.name);
  });
}
