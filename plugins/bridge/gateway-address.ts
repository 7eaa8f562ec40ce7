import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { UndoStack } from "../../shared/cni/undo-stack.ts";
import { isLinkLocal } from "../../shared/ip/address.ts";
import { formatPrefix, type IpPrefix, prefixContains, samePrefix } from "../../shared/ip/prefix.ts";
import { linkSysctl, withSysctl } from "../../shared/linux/sysctl.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { addAddress, deleteAddress, IFA_F_NODAD, listAddresses } from "../../shared/rtnetlink/address.ts";
import type { Link } from "../../shared/rtnetlink/link.ts";
import { withIpv6On } from "./ipv6-switch.ts";
import { readyLinkLocal } from "./link-local.ts";

/** What a link has to get to be a gateway, and what stands against it. */
export interface GatewayPlan {
  /** Addresses that it lacks. */
  readonly missing: readonly IpPrefix[];
  /** Its addresses that contradict those. */
  readonly contradicting: readonly IpPrefix[];
}

/**
 * Looks at what the bridge (or the gateway interface of a VLAN) lacks. An IPv4 network has its bridge for itself; one of
 * IPv6 may have others beside it that do not overlap.
 *
 * @throws CniError code 103 when an address contradicts and `forceAddress` is off.
 */
export function planGateway(
  rt: NetlinkSocket,
  link: Link,
  wanted: readonly IpPrefix[],
  forceAddress: boolean,
): GatewayPlan {
  const missing: IpPrefix[] = [];
  const contradicting: IpPrefix[] = [];
  for (const family of new Set(wanted.map(({ address }) => address.family))) {
    const own = wanted.filter(({ address }) => address.family === family);
    const present = listAddresses(rt, { family, index: link.index }).map(({ prefix }) => prefix);
    const lacking = own.filter((prefix) => !includes(present, prefix));
    missing.push(...lacking);
    const others = present
      .filter((prefix) => !includes(own, prefix))
      // Every link has a link-local address of the kernel's, sooner or later.
      .filter(({ address }) => family === 4 || !isLinkLocal(address))
      .filter((prefix) => lacking.some((other) => family === 4 || overlap(other, prefix)));
    const [other] = others;
    if (other !== undefined && !forceAddress) throw contradiction(link, lacking[0] ?? other, other);
    contradicting.push(...others);
  }
  return { missing, contradicting };
}

function contradiction(link: Link, wanted: IpPrefix, other: IpPrefix): CniError {
  return new CniError(
    ErrorCode.conflict,
    `failed to set bridge addr: "${link.name}" already has an IP address different from ${formatPrefix(wanted)}`,
    `it has ${formatPrefix(other)}: give the network another "bridge", or set "forceAddress" to replace it`,
  );
}

/**
 * Gives the link the gateway addresses that it lacks.
 *
 * @param takeBack does what it is given unless others use the bridge by then.
 * @throws SystemError
 */
export function addGatewayAddresses(
  rt: NetlinkSocket,
  link: Link,
  missing: readonly IpPrefix[],
  undo: UndoStack,
  takeBack: (work: () => void) => void,
): void {
  for (const prefix of missing) {
    if (!addOwn(rt, link, prefix)) continue;
    undo.push(() => takeBack(() => deleteAddress(rt, link, prefix)));
    if (prefix.address.family === 6) readyLinkLocal(rt, link);
  }
}

/** The address is ours alone: nobody has to be asked whether it is in use. Returns false when it is there. */
function addOwn(rt: NetlinkSocket, link: Link, prefix: IpPrefix): boolean {
  if (prefix.address.family === 4) return addAddress(rt, link, prefix);
  return withIpv6On(link.name, () => addAddress(rt, link, prefix, IFA_F_NODAD));
}

/**
 * Removes what contradicts the gateway addresses, as the last thing that can fail. Those are there already, so that the
 * link is never without an address: the kernel would remove all routes over it.
 *
 * @throws SystemError
 */
export function replaceContradicting(
  rt: NetlinkSocket,
  link: Link,
  { missing, contradicting }: GatewayPlan,
  undo: UndoStack,
): void {
  if (contradicting.length === 0) return;
  promotingSecondaries(link, () => {
    for (const prefix of contradicting) {
      deleteAddress(rt, link, prefix);
      undo.push(() => void addAddress(rt, link, prefix));
    }
  });
  // Where they could not be promoted, those of the same subnet went along.
  for (const prefix of missing) addOwn(rt, link, prefix);
}

/** The gateway's address is a secondary one when it has a subnet in common with the address that goes. */
function promotingSecondaries(link: Link, work: () => void): void {
  let done = false;
  const once = (): void => {
    done = true;
    work();
  };
  try {
    withSysctl(linkSysctl(4, link.name, "promote_secondaries"), "1", once);
  } catch (error) {
    if (done) throw error;
    // A read-only /proc/sys.
    work();
  }
}

function overlap(a: IpPrefix, b: IpPrefix): boolean {
  return prefixContains(a, b.address) || prefixContains(b, a.address);
}

function includes(list: readonly IpPrefix[], prefix: IpPrefix): boolean {
  return list.some((other) => samePrefix(other, prefix));
}
