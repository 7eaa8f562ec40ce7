import type { IpFamily } from "../../shared/ip/address.ts";
import { inNetns } from "../../shared/linux/netns.ts";
import { linkSysctl, withSysctl } from "../../shared/linux/sysctl.ts";
import { type Link, setLink } from "../../shared/rtnetlink/link.ts";
import type { Places } from "./places.ts";

/**
 * Announces to the neighbours that the container's link has its addresses now. The kernel does so when the link goes up
 * (arp_notify), which is before the bridge forwards its frames, and again when the link gets a hardware address, even
 * the one that it has (inetdev_event, ndisc_netdev_event). A packet socket of our own would take 10 ms to close.
 *
 * A failure is none of ADD's: the container works, and neighbours notice later.
 */
export function announce(places: Places, link: Link, families: ReadonlySet<IpFamily>): void {
  const setAddress = (): void => setLink(places.container, link, { mac: link.mac });
  const withIpv6 = (): void =>
    inNetns(places.containerNetns, () =>
      withSysctl(linkSysctl(6, link.name, "ndisc_notify"), "1", setAddress),
    );
  for (const way of families.has(6) ? [withIpv6, setAddress] : [setAddress]) {
    try {
      way();
      return;
    } catch {
      // The next way, or none.
    }
  }
}
