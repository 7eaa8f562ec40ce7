import { NETLINK_ROUTE, type NetlinkSocket, openNetlink } from "../netlink/client.ts";
import { type NetlinkMonitor, openMonitor } from "../netlink/monitor.ts";

/** Opens an rtnetlink socket in the calling thread's network namespace; it stays there. Throws SystemError. */
export function openRtnetlink(): NetlinkSocket {
  return openNetlink(NETLINK_ROUTE);
}

// linux/rtnetlink.h
export const RTMGRP_LINK = 0x1;
export const RTMGRP_IPV6_IFADDR = 0x100;

/** Hears of changes of the kinds (RTMGRP_*) in the calling thread's network namespace. Throws SystemError. */
export function openRtnetlinkMonitor(groups: number): NetlinkMonitor {
  return openMonitor(NETLINK_ROUTE, groups);
}
