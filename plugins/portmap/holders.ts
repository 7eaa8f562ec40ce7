import { CniError, ErrorCode } from "../../shared/errors/cni-error.ts";
import { formatIp, type IpAddress, sameIp } from "../../shared/ip/address.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { answersOnLink } from "../../shared/rtnetlink/neighbour.ts";
import { lookupRoute } from "../../shared/rtnetlink/route.ts";

/** Decides about ports of the host that somebody has already. */
export interface Holders {
  /**
   * Returns when the holder is known to be gone, so that its port may be taken over.
   *
   * @param owner who holds the port, in words; undefined when that is not known.
   * @param address where the port leads.
   * @param own the address of the container that is to have the port.
   * @throws CniError code 103 naming the holder.
   */
  requireGone(
    port: { readonly protocol: string; readonly hostPort: number },
    owner: string | undefined,
    address: IpAddress | undefined,
    own: IpAddress,
  ): void;
}

/**
 * A holder is gone when its address is the new container's by now, or when nobody answers for its address on the
 * link where it was. Everything else is a conflict: an address behind a router says nothing when it is silent.
 */
export function createHolders(answers: (address: IpAddress) => boolean | undefined = answersNearby): Holders {
  // A no takes seconds, and a plan may be made several times.
  const gone = new Set<string>();
  return {
    requireGone({ protocol, hostPort }, owner, address, own) {
      if (owner !== undefined && address !== undefined) {
        if (gone.has(owner)) return;
        if (sameIp(address, own) || answers(address) === false) {
          gone.add(owner);
          return;
        }
      }
      const to = address === undefined ? "" : ` (${formatIp(address)})`;
      throw new CniError(
        ErrorCode.conflict,
        `host port ${hostPort}/${protocol} is already published for ${owner ?? "somebody unknown"}${to}`,
        "choose another hostPort or another hostIP for one of the two; if that container is gone, DEL it, or GC its network",
      );
    },
  };
}

/** Whether somebody answers for an address on the link that leads to it; undefined when that cannot be told. */
function answersNearby(address: IpAddress): boolean | undefined {
  const rt = openRtnetlink();
  try {
    const route = lookupRoute(rt, address);
    if (route?.oif === undefined || route.gateway !== undefined) return undefined;
    return answersOnLink(rt, route.oif, address);
  } finally {
    rt.close();
  }
}
