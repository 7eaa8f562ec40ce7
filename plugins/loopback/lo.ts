import type { IpPrefix } from "../../shared/ip/prefix.ts";
import { inNetns, type Netns } from "../../shared/linux/netns.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { listAddresses } from "../../shared/rtnetlink/address.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { type Link, requireLink } from "../../shared/rtnetlink/link.ts";

/** The interface's name, whatever CNI_IFNAME is. */
export const loopbackName = "lo";

/** Calls `work` in a namespace, with a socket there and lo as it is; closes the socket and the namespace. */
export function withLoopback<T>(netns: Netns, work: (rt: NetlinkSocket, lo: Link) => T): T {
  try {
    return inNetns(netns, () => {
      const rt = openRtnetlink();
      try {
        return work(rt, requireLink(rt, loopbackName));
      } finally {
        rt.close();
      }
    });
  } finally {
    netns.close();
  }
}

/** All addresses of lo. Throws SystemError. */
export function addressesOfLoopback(rt: NetlinkSocket, lo: Link): readonly IpPrefix[] {
  return listAddresses(rt, { index: lo.index }).map(({ prefix }) => prefix);
}
