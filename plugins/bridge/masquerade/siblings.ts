import { lazy } from "../../../shared/basics/lazy.ts";
import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import { leaseHolder } from "../../../shared/cni/leases.ts";
import { isAliasOfContainer, isAliasOfNetwork, ownerAlias } from "../../../shared/cni/owner-alias.ts";
import { type IpAddress, sameIp } from "../../../shared/ip/address.ts";
import type { IpPrefix } from "../../../shared/ip/prefix.ts";
import { openRtnetlink } from "../../../shared/rtnetlink/client.ts";
import { listLinks } from "../../../shared/rtnetlink/link.ts";

/**
 * The addresses of an attachment that goes, and those of its siblings: the other attachments of the container to the
 * same network, which share its chain of iptables.
 */
export interface LeavingAddresses {
  /** The addresses that ADD gave the attachment, as far as they are known. */
  readonly given: readonly IpPrefix[];
  /** True for the address of a sibling. Throws SystemError. */
  readonly isSiblings: (address: IpAddress) => boolean;
}

/**
 * The addresses of an attachment that goes, and a test for those of its siblings: the lease decides. Where IPAM keeps
 * no leases, the container must have another link on the host, and the address must not be one that was given to this
 * attachment. The addresses on the container's links are no evidence: it can give itself any.
 *
 * @param leaseRoot host-local's `dataDir`; "" for the usual one.
 */
export function leavingAddresses(
  key: AttachmentKey,
  given: readonly IpPrefix[],
  leaseRoot: string,
): LeavingAddresses {
  const hasSibling = lazy(() => hasSiblingLink(key));
  const isSiblings = (address: IpAddress): boolean => {
    const holder = leaseHolder(key.network, address, leaseRoot);
    if (holder !== undefined) {
      return holder.containerId === key.containerId && holder.ifname !== "" && holder.ifname !== key.ifname;
    }
    return !given.some((prefix) => sameIp(prefix.address, address)) && hasSibling();
  };
  return { given, isSiblings };
}

function hasSiblingLink(key: AttachmentKey): boolean {
  const rt = openRtnetlink();
  try {
    return listLinks(rt).some(
      ({ kind, alias }) =>
        kind === "veth" &&
        alias !== undefined &&
        isAliasOfNetwork(key.network, alias) &&
        isAliasOfContainer(key.containerId, alias) &&
        alias !== ownerAlias(key),
    );
  } finally {
    rt.close();
  }
}
