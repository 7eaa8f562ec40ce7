import { lazy } from "../../shared/basics/lazy.ts";
import { leaseHolder } from "../../shared/cni/leases.ts";
import { isAliasOfContainer, isAliasOfNetwork, ownerAlias } from "../../shared/cni/owner-alias.ts";
import { type IpAddress, sameIp } from "../../shared/ip/address.ts";
import type { IpPrefix } from "../../shared/ip/prefix.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { listLinks } from "../../shared/rtnetlink/link.ts";
import type { Owner } from "./owner.ts";

/**
 * Tells the addresses of a container's other attachments to the same network from those of the one that goes. A lease
 * tells it; where IPAM keeps none, there has to be another host's end of the container, and the address must not be one
 * that this attachment was given. What addresses the container has is not asked: it can give itself any.
 *
 * @param promised addresses that this attachment was given, as far as they are known.
 * @param root host-local's `dataDir`; "" for the usual one.
 * @returns what says so of an address. It throws SystemError.
 */
export function siblingAddresses(
  owner: Owner,
  promised: readonly IpPrefix[],
  root: string,
): (address: IpAddress) => boolean {
  const hasSibling = lazy(() => hasOtherEnd(owner));
  return (address) => {
    const holder = leaseHolder(owner.network, address, root);
    if (holder !== undefined) {
      return (
        holder.containerId === owner.containerId && holder.ifname !== "" && holder.ifname !== owner.ifname
      );
    }
    return !promised.some((prefix) => sameIp(prefix.address, address)) && hasSibling();
  };
}

function hasOtherEnd(owner: Owner): boolean {
  const rt = openRtnetlink();
  try {
    return listLinks(rt).some(
      ({ kind, alias }) =>
        kind === "veth" &&
        alias !== undefined &&
        isAliasOfNetwork(owner.network, alias) &&
        isAliasOfContainer(owner.containerId, alias) &&
        alias !== ownerAlias(owner),
    );
  } finally {
    rt.close();
  }
}
