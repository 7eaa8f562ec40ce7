import { openRtnetlink } from "../rtnetlink/client.ts";
import { listLinks } from "../rtnetlink/link.ts";
import type { AttachmentKey } from "./attachment-key.ts";
import { cachedAttachments, usualCache } from "./cached-results.ts";
import { isIdentifier } from "./environment.ts";
import { leasedAddresses } from "./leases.ts";
import { whyGone } from "./living.ts";
import { ownerOfAlias } from "./owner-alias.ts";
import { ownerComment } from "./owner-comment.ts";
import { prevResultIfUsable } from "./prev-result.ts";

/**
 * Removes from a plugin's own tables of nf_tables what belongs to attachments that are gone: the Go plugins' DEL does not
 * know of it. Safe at any time. Gone is whose cached result is of no living namespace, or who has neither a cached result
 * nor the host's end of a link nor a lease.
 *
 * @param remove removes the elements of owners (`ownerComment`) that are gone.
 * @param cacheDirectory libcni's cache; undefined for the usual place.
 * @returns a report for people, a line for each owner.
 * @throws CniError, also when a cached result cannot be read: it may be that of a living one.
 */
export function sweepGone(
  plugin: string,
  remove: (isGone: (comment: string) => boolean) => void,
  cacheDirectory = usualCache,
): string {
  const { attachments, unreadable } = cachedAttachments(cacheDirectory, plugin);
  const [first] = unreadable;
  if (first !== undefined) throw first;
  const living = linkedOwners();
  const dead = new Set<string>();
  for (const { request } of attachments) {
    const result = prevResultIfUsable(request);
    const isDead = result !== undefined && whyGone(request, result) !== undefined;
    (isDead ? dead : living).add(ownerComment(request));
  }
  const swept = new Set<string>();
  remove((comment) => {
    const isGone = !living.has(comment) && (dead.has(comment) || isReleased(comment));
    if (isGone) swept.add(comment);
    return isGone;
  });
  if (swept.size === 0) return `${plugin}: nothing is left of attachments that are gone\n`;
  return [...swept].map((comment) => `${plugin}: ${comment}: removed\n`).join("");
}

/** Those of whom our bridge's link is there: they live as long as it does. */
function linkedOwners(): Set<string> {
  const rt = openRtnetlink();
  try {
    const owners = listLinks(rt).map(({ alias }) => (alias === undefined ? undefined : ownerOfAlias(alias)));
    return new Set(owners.filter((owner) => owner !== undefined).map(ownerComment));
  } finally {
    rt.close();
  }
}

/** Whether an owner whose names the comment tells has no lease; one that was cut to a hash tells none. */
function isReleased(comment: string): boolean {
  const [network = "", containerId = "", ifname = "", ...more] = comment.split("/");
  if (more.length > 0 || ifname === "" || ![network, containerId].every(isIdentifier)) return false;
  const owner: AttachmentKey = { network, containerId, ifname };
  return leasedAddresses(owner).length === 0;
}
