import { fstatSync } from "node:fs";
import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import { ownerOfAlias } from "../../../shared/cni/owner-alias.ts";
import { type IpAddress, sameIp } from "../../../shared/ip/address.ts";
import { inNetns, type Netns } from "../../../shared/linux/netns.ts";
import { eachVisibleNetns } from "../../../shared/linux/visible-netns.ts";
import type { NetlinkSocket } from "../../../shared/netlink/client.ts";
import { listAddresses, listAddressesBeyond } from "../../../shared/rtnetlink/address.ts";
import { openRtnetlink } from "../../../shared/rtnetlink/client.ts";
import { findLinkByIndex, type Link } from "../../../shared/rtnetlink/link.ts";
import { findNetnsId } from "../../../shared/rtnetlink/netns-id.ts";
import type { Place } from "./gone.ts";

/** Returns the attachments that aliases of the host's links name. */
export function ownersOfLinks(links: readonly Link[]): AttachmentKey[] {
  return links
    .filter(({ kind }) => kind === "veth")
    .map(({ alias }) => ownerOfAlias(alias ?? ""))
    .filter((owner) => owner !== undefined);
}

/** The attachment that ADD is creating. */
interface Newcomer {
  readonly owner: AttachmentKey;
  readonly netns: Netns;
}

/**
 * Returns the namespaces that have an address; undefined if some cannot be seen.
 *
 * @param links all links of the host.
 * @throws SystemError
 */
export function placesOf(
  rt: NetlinkSocket,
  links: readonly Link[],
  address: IpAddress,
  newcomer: Newcomer,
): Place[] | undefined {
  const beyondVeths = placesBeyondVeths(rt, links, address, newcomer);
  const others = beyondVeths && placesElsewhere(address, newcomer);
  return others && [...beyondVeths, ...others];
}

/**
 * Returns those behind the host's veth pairs. The kernel knows all of these, wherever their files and processes are.
 */
function placesBeyondVeths(
  rt: NetlinkSocket,
  links: readonly Link[],
  address: IpAddress,
  { owner: newcomer, netns }: Newcomer,
): Place[] | undefined {
  const newcomersId = findNetnsId(rt, netns.fd);
  const places: Place[] = [];
  const byNamespace = Map.groupBy(
    links.filter(({ kind, peerNetnsId }) => kind === "veth" && peerNetnsId !== undefined),
    ({ peerNetnsId }) => peerNetnsId ?? 0,
  );
  for (const [id, ends] of byNamespace) {
    const addresses = listAddressesBeyond(rt, id, address.family);
    if (addresses === undefined) return undefined;
    for (const { index, prefix } of addresses) {
      if (!sameIp(prefix.address, address)) continue;
      const end = ends.find(({ peerIndex }) => peerIndex === index);
      const owner = id === newcomersId ? newcomer : ownerOfAlias(end?.alias ?? "");
      places.push(owner === undefined ? {} : { owner });
    }
    // A link that is down has no addresses of IPv6: whoever nothing is known of may have had this one.
    const isMute = ({ carrier, alias }: Link) => !carrier && ownerOfAlias(alias ?? "") === undefined;
    if (address.family === 6 && id !== newcomersId && ends.some(isMute)) places.push({});
  }
  return places;
}

/** Returns those of containers without a veth pair: with macvlan, or a device of the host. */
function placesElsewhere(address: IpAddress, { netns: newcomers }: Newcomer): Place[] | undefined {
  const places: Place[] = [];
  const skipped = fstatSync(newcomers.fd).ino;
  const sawAll = eachVisibleNetns((netns) => {
    if (fstatSync(netns.fd).ino !== skipped && inNetns(netns, () => isOnOtherLink(address))) places.push({});
  });
  return sawAll ? places : undefined;
}

function isOnOtherLink(address: IpAddress): boolean {
  const rt = openRtnetlink();
  try {
    return listAddresses(rt, { family: address.family })
      .filter(({ prefix }) => sameIp(prefix.address, address))
      .some(({ index }) => {
        const link = findLinkByIndex(rt, index);
        return link !== undefined && link.kind !== "veth" && link.name !== "lo";
      });
  } finally {
    rt.close();
  }
}
