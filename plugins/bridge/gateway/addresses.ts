import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import type { UndoStack } from "../../../shared/cni/undo-stack.ts";
import { isLinkLocal } from "../../../shared/ip/address.ts";
import { formatPrefix, type IpPrefix, prefixContains, samePrefix } from "../../../shared/ip/prefix.ts";
import { linkSysctl, readSysctl, writeSysctl } from "../../../shared/linux/sysctl.ts";
import type { NetlinkSocket } from "../../../shared/netlink/client.ts";
import { addAddress, deleteAddress, IFA_F_NODAD, listAddresses } from "../../../shared/rtnetlink/address.ts";
import type { Link } from "../../../shared/rtnetlink/link.ts";
import { withIpv6On } from "./ipv6-switch.ts";
import { readyLinkLocal } from "./link-local.ts";

/** The difference between a link and the gateway that it is to be. */
export interface GatewayPlan {
  /** Addresses that it lacks. */
  readonly missing: readonly IpPrefix[];
  /** Addresses on the link that conflict with the gateway's. */
  readonly contradicting: readonly IpPrefix[];
}

/**
 * Compares a link's addresses with those of the gateway that it is to be. An IPv4 network has its bridge for itself.
 * One of IPv6 may share it with others that do not overlap.
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
 * @param pushUndo records the undo of a step, which does nothing if others use the bridge by then.
 * @throws SystemError
 */
export function addGatewayAddresses(
  rt: NetlinkSocket,
  link: Link,
  missing: readonly IpPrefix[],
  pushUndo: (undo: () => void) => void,
): void {
  for (const prefix of missing) {
    if (!addOwn(rt, link, prefix)) continue;
    pushUndo(() => deleteAddress(rt, link, prefix));
    if (prefix.address.family === 6) readyLinkLocal(rt, link);
  }
}

/** Adds an address without asking whether others have it: it is ours alone. Returns false when the link has it. */
function addOwn(rt: NetlinkSocket, link: Link, prefix: IpPrefix): boolean {
  if (prefix.address.family === 4) return addAddress(rt, link, prefix);
  return withIpv6On(link.name, () => addAddress(rt, link, prefix, IFA_F_NODAD));
}

/**
 * Removes the addresses that contradict a gateway's, as the last step that can fail. The gateway's have been added
 * before: the kernel would remove all routes over a link that has no address.
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
  const stopPromoting = promoteSecondaries(link);
  try {
    for (const prefix of contradicting) {
      deleteAddress(rt, link, prefix);
      undo.push(() => void addAddress(rt, link, prefix));
    }
  } finally {
    stopPromoting();
  }
  // Those of the same subnet went along where they could not be promoted.
  for (const prefix of missing) addOwn(rt, link, prefix);
}

/**
 * Makes the kernel keep the secondary addresses of a subnet when its primary address is removed: the gateway's may be
 * one. Returns a function that takes this back. A read-only /proc/sys is left as it is.
 */
function promoteSecondaries(link: Link): () => void {
  try {
    const path = linkSysctl(4, link.name, "promote_secondaries");
    const before = readSysctl(path);
    writeSysctl(path, "1");
    return () => writeSysctl(path, before);
  } catch {
    return () => undefined;
  }
}

function overlap(a: IpPrefix, b: IpPrefix): boolean {
  return prefixContains(a, b.address) || prefixContains(b, a.address);
}

function includes(list: readonly IpPrefix[], prefix: IpPrefix): boolean {
  return list.some((other) => samePrefix(other, prefix));
}
