import { type NetlinkSocket, openNetlink } from "../netlink/client.ts";
import { NETLINK_ROUTE } from "../netlink/constants.ts";
import { type NetlinkMonitor, openMonitor } from "../netlink/monitor.ts";

/** Opens an rtnetlink socket in the calling thread's network namespace; it stays there. Throws SystemError. */
export function openRtnetlink(): NetlinkSocket {
  return openNetlink(NETLINK_ROUTE);
}

/** Hears of changes of the kinds (RTMGRP_*) in the calling thread's network namespace. Throws SystemError. */
export function openRtnetlinkMonitor(groups: number): NetlinkMonitor {
  return openMonitor(NETLINK_ROUTE, groups);
}
