import { type IpAddress, ipFromBytes, isLinkLocal } from "../../../shared/ip/address.ts";
import type { IpPrefix } from "../../../shared/ip/prefix.ts";
import type { NetlinkSocket } from "../../../shared/netlink/client.ts";
import {
  addAddress,
  deleteAddress,
  IFA_F_DADFAILED,
  IFA_F_NODAD,
  IFA_F_TENTATIVE,
  listAddresses,
} from "../../../shared/rtnetlink/address.ts";
import { parseMac } from "../../../shared/rtnetlink/hardware-address.ts";
import { findLinkByIndex, type Link } from "../../../shared/rtnetlink/link.ts";

const attempts = 10;

/**
 * Makes sure that a gateway's link has a link-local address that is ready: the host sends neighbour solicitations from
 * it. The kernel's own, which it creates when the first port goes up, is tentative for one to two seconds, in which the
 * host reaches no container by IPv6. Duplicates need not be looked for: the address is made of the link's MAC. Throws
 * SystemError.
 */
export function readyLinkLocal(rt: NetlinkSocket, link: Link): void {
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const present = listAddresses(rt, { family: 6, index: link.index }).filter(({ prefix }) =>
      isLinkLocal(prefix.address),
    );
    const [waiting] = present;
    const isSettled = ({ flags }: { flags: number }) =>
      (flags & IFA_F_TENTATIVE) === 0 || (flags & IFA_F_DADFAILED) !== 0;
    if (present.some(isSettled)) return;
    const wanted = waiting?.prefix ?? linkLocalOf(findLinkByIndex(rt, link.index)?.mac ?? link.mac);
    if (wanted === undefined) return;
    // An address that is waited for stays so.
    if (waiting !== undefined) deleteAddress(rt, link, waiting.prefix);
    // The kernel may make it at the same moment.
    if (addAddress(rt, link, wanted, IFA_F_NODAD)) return;
  }
}

/** As the kernel makes it: fe80::/64 with the MAC in the modified EUI-64 format (RFC 4291, appendix A). */
function linkLocalOf(mac: string): IpPrefix | undefined {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = parseMac(mac) ?? [];
  const bytes = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f);
  const address: IpAddress | undefined = ipFromBytes(bytes);
  return address && { address, prefixLength: 64 };
}
