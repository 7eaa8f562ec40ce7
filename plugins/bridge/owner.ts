import { type Owner, ownerAlias } from "../../shared/cni/owner-alias.ts";
import { sha512 } from "../../shared/cni/sha512.ts";

export type { Owner } from "../../shared/cni/owner-alias.ts";

/**
 * The name of the host-side link. It follows from the owner, so that DEL finds the link without a search and without
 * the container's namespace; a name that is taken by somebody else is passed over.
 *
 * @param attempt 0 for the usual name, higher when the ones before are taken.
 */
export function hostLinkName(owner: Owner, attempt: number): string {
  return `veth${sha512(`${ownerAlias(owner)}:${attempt}`).slice(0, 8)}`;
}

/** How many names are tried. */
export const hostLinkNames = 4;
