import { NETLINK_ROUTE, type NetlinkSocket, openNetlink } from "../netlink/client.ts";

/** Opens an rtnetlink socket in the calling thread's network namespace; it stays there. Throws SystemError. */
export function openRtnetlink(): NetlinkSocket {
  return openNetlink(NETLINK_ROUTE);
}
