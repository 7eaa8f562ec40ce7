import { openContainerNetns } from "../../shared/cni/container-netns.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { inNetns, type Netns, ownNetns } from "../../shared/linux/netns.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";

/** The two namespaces of an ADD, with a netlink socket in each. They stay open until the process ends. */
export interface Places {
  readonly host: NetlinkSocket;
  readonly hostNetns: Netns;
  readonly container: NetlinkSocket;
  readonly containerNetns: Netns;
}

/** Throws CniError. */
export function openPlaces(request: Request): Places {
  const containerNetns = openContainerNetns(request);
  const hostNetns = ownNetns();
  const host = openRtnetlink();
  const container = inNetns(containerNetns, openRtnetlink);
  return { host, hostNetns, container, containerNetns };
}
