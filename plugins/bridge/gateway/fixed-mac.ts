import { readFileSync } from "node:fs";
import type { NetlinkSocket } from "../../../shared/netlink/client.ts";
import { findLinkByIndex, type Link, setLink } from "../../../shared/rtnetlink/link.ts";

const NET_ADDR_SET = "3"; // linux/netdevice.h, addr_assign_type
const noMac = "00:00:00:00:00:00";

/**
 * Fixes the MAC of a gateway's link to the one that it had before the container's port was added. Otherwise the kernel
 * changes a bridge's MAC with each port that comes or goes. Throws SystemError.
 *
 * @param link as it was before.
 * @param name of the link in the configuration.
 */
export function fixMac(rt: NetlinkSocket, link: Link, name: string): void {
  // Setting it once more would have the kernel forget all neighbours of the link.
  if (isFixed(link, name)) return;
  // A bridge that lost its last port has none until it gets the next one.
  const mac = link.mac === noMac ? findLinkByIndex(rt, link.index)?.mac : link.mac;
  if (mac !== undefined && mac !== noMac) setLink(rt, link, { mac });
}

/**
 * True when a link's MAC is fixed, which only sysfs shows. The mounted one may be another namespace's: then the MAC
 * differs.
 */
function isFixed({ mac }: Link, name: string): boolean {
  const read = (file: string): string => readFileSync(`/sys/class/net/${name}/${file}`, "utf8").trim();
  try {
    return read("addr_assign_type") === NET_ADDR_SET && read("address") === mac;
  } catch {
    return false;
  }
}
