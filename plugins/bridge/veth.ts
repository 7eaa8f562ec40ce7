import { lazy } from "../../shared/basics/lazy.ts";
import type { Attachment } from "../../shared/cni/attachments.ts";
import { withContext } from "../../shared/cni/errors/as-cni-error.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { groupOfNetwork, isAliasOfNetwork, ownerAlias } from "../../shared/cni/owner-alias.ts";
import type { UndoStack } from "../../shared/cni/undo-stack.ts";
import { isErrno } from "../../shared/errors/system-error.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { setBridgePort } from "../../shared/rtnetlink/bridge.ts";
import { addPortVlan, deletePortVlan } from "../../shared/rtnetlink/bridge-vlan.ts";
import {
  deleteLink,
  findLink,
  type Link,
  listLinks,
  requireLink,
  setLink,
} from "../../shared/rtnetlink/link.ts";
import { createVethPair } from "../../shared/rtnetlink/veth.ts";
import type { BridgeConfig } from "./config.ts";
import { hostLinkName, hostLinkNames, type Owner } from "./owner.ts";
import { planPortVlans, type VlanConfig } from "./vlans.ts";

/** Both ends of an attachment. */
export interface VethEnds {
  readonly host: Link;
  readonly container: Link;
}

/**
 * Creates the veth pair: the container's end in the container's namespace, still down, and the host's end.
 *
 * @param hostNetns file descriptor of the host's namespace.
 * @throws CniError code 103 when the container has an interface of this name.
 */
export function createVeth(
  host: NetlinkSocket,
  container: NetlinkSocket,
  hostNetns: number,
  owner: Owner,
  config: BridgeConfig,
  undo: UndoStack,
): VethEnds {
  for (let attempt = 0; ; attempt++) {
    const peerName = hostLinkName(owner, attempt);
    try {
      createVethPair(container, {
        name: owner.ifname,
        mtu: config.mtu,
        peerName,
        peerNetns: hostNetns,
        peerGroup: groupOfNetwork(owner.network),
        ...(config.mac === undefined ? {} : { mac: config.mac }),
      });
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
      refuseExisting(container, owner.ifname);
      if (attempt + 1 < hostLinkNames) continue;
      throw new CniError(
        ErrorCode.conflict,
        `failed to find a unique veth name: "${peerName}" already exists`,
        "an earlier attachment of this container was not removed: call DEL for it",
      );
    }
    const hostEnd = { ...requireLink(host, peerName), name: peerName };
    // Deleting one end deletes both.
    undo.push(() => deleteLink(host, hostEnd));
    return { host: hostEnd, container: otherEnd(container, owner.ifname, hostEnd) };
  }
}

/** The container's end. Whoever has the container's namespace may have given its name to another link meanwhile. */
function otherEnd(container: NetlinkSocket, ifname: string, hostEnd: Link): Link {
  const link = requireLink(container, ifname);
  const isIt = link.kind === "veth" && link.index === hostEnd.peerIndex && link.peerIndex === hostEnd.index;
  if (isIt) return { ...link, name: ifname };
  throw new CniError(
    ErrorCode.conflict,
    `"${ifname}" in the container is not the other end of "${hostEnd.name}"`,
    "something in the container renames interfaces while it is attached",
  );
}

/** @throws CniError code 103 when the container has an interface of this name already. */
export function refuseExisting(container: NetlinkSocket, ifname: string): void {
  const existing = findLink(container, ifname);
  if (existing === undefined) return;
  throw new CniError(
    ErrorCode.conflict,
    `container veth name ("${ifname}") already exists`,
    `the container has an interface ${ifname}: call DEL first, or choose another CNI_IFNAME`,
  );
}

/**
 * Makes the host's end a port of the bridge, up and marked with its owner.
 *
 * @returns false when the bridge was removed meanwhile.
 * @throws CniError
 */
export function attachToBridge(
  rt: NetlinkSocket,
  host: Link,
  bridge: Link,
  owner: Owner,
  config: BridgeConfig,
): boolean {
  try {
    setLink(rt, host, { up: true, alias: ownerAlias(owner), master: bridge.index, group: 0 });
    setBridgePort(rt, host, { hairpin: config.hairpinMode });
    // Kernels before 4.18 do not know port isolation, and do not isolate either.
    if (config.portIsolation) setBridgePort(rt, host, { isolated: true });
    joinVlans(rt, host, bridge, config.vlans);
  } catch (error) {
    if (isGone(rt, bridge)) return false;
    throw withContext(`failed to connect "${host.name}" to bridge ${bridge.name}`, error);
  }
  refuseSmallBridge(rt, bridge, config.mtu);
  return true;
}

/** True when somebody has removed the bridge, or another one has its name. */
export function isGone(rt: NetlinkSocket, bridge: Link): boolean {
  return findLink(rt, bridge.name)?.index !== bridge.index;
}

/** Longer frames than the bridge's own would be dropped without a word. */
function refuseSmallBridge(rt: NetlinkSocket, bridge: Link, mtu: number): void {
  // Without other ports, the bridge may just have taken on the new one's.
  const current = findLink(rt, bridge.name)?.mtu;
  if (current === undefined || mtu <= current) return;
  throw new CniError(
    ErrorCode.conflict,
    `mtu ${mtu} is above the ${current} of bridge "${bridge.name}"`,
    `an existing bridge keeps its MTU: lower "mtu", or: ip link set ${bridge.name} mtu ${mtu}`,
  );
}

/** Puts a new port into its VLANs. Throws SystemError. */
export function joinVlans(rt: NetlinkSocket, port: Link, bridge: Link, vlans: VlanConfig): void {
  const { leave, join } = planPortVlans(vlans, bridge.bridge?.defaultPvid ?? 0);
  for (const id of leave) deletePortVlan(rt, port, id);
  for (const vlan of join) addPortVlan(rt, port, vlan);
}

/**
 * The host's ends of an attachment: by the names that follow from the owner, and where there is none, by the alias, which
 * stays when somebody renames the link. Throws SystemError.
 */
export function findHostEnds(rt: NetlinkSocket, owner: Owner): Link[] {
  const alias = ownerAlias(owner);
  const found: Link[] = [];
  for (let attempt = 0; attempt < hostLinkNames; attempt++) {
    const link = findLink(rt, hostLinkName(owner, attempt));
    // Without an alias: killed before it was set. The name alone is a hash of the owner.
    if (link?.kind === "veth" && (link.alias === undefined || link.alias === alias)) found.push(link);
  }
  if (found.length > 0) return found;
  return listLinks(rt).filter((link) => link.kind === "veth" && link.alias === alias);
}

/** The host's ends of attachments of a network that are not listed. Throws SystemError. */
export function findStaleHostEnds(rt: NetlinkSocket, network: string, valid: readonly Attachment[]): Link[] {
  const owners = valid.map((attachment) => ({ ...attachment, network }));
  const aliases = new Set(owners.map(ownerAlias));
  const names = lazy(
    () =>
      new Set(
        owners.flatMap((owner) =>
          Array.from({ length: hostLinkNames }, (_, attempt) => hostLinkName(owner, attempt)),
        ),
      ),
  );
  const group = groupOfNetwork(network);
  return listLinks(rt).filter((link) => {
    if (link.kind !== "veth") return false;
    if (link.alias !== undefined) return isAliasOfNetwork(network, link.alias) && !aliases.has(link.alias);
    // Killed between creating it and making it a port of the bridge.
    return link.group === group && link.master === undefined && !names().has(link.name);
  });
}
