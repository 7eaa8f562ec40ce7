import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { UndoStack } from "../../shared/cni/undo-stack.ts";
import { isErrno } from "../../shared/errors/system-error.ts";
import type { IpFamily } from "../../shared/ip/address.ts";
import { requireSysctl } from "../../shared/linux/required-sysctl.ts";
import { ensureSysctl, linkSysctl } from "../../shared/linux/sysctl.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { createBridge, setNoLinkLocalLearn } from "../../shared/rtnetlink/bridge.ts";
import { randomMac } from "../../shared/rtnetlink/hardware-address.ts";
import { deleteLink, findLink, type Link, listLinks, setLink } from "../../shared/rtnetlink/link.ts";
import { whileNobodyAttaches } from "./bridge-lock.ts";
import type { BridgeConfig } from "./config.ts";

const attempts = 10;

/**
 * Makes sure that the bridge exists and is up, and returns it. An existing bridge keeps its settings. Another call may
 * create or remove the bridge at the same moment: then this one tries again.
 *
 * @throws CniError
 */
export function ensureBridge(rt: NetlinkSocket, config: BridgeConfig, undo: UndoStack): Link {
  for (let attempt = 1; ; attempt++) {
    const isNew = makeBridge(rt, config);
    const bridge = findLink(rt, config.bridge);
    if (bridge !== undefined) {
      if (isNew) undo.push(() => takeBackBridge(rt, bridge));
      if (bridge.kind !== "bridge") {
        throw new CniError(
          ErrorCode.conflict,
          `failed to create bridge "${config.bridge}": "${config.bridge}" already exists but is not a bridge`,
          `it is ${bridge.kind === "" ? "a link of another kind" : `of kind ${bridge.kind}`}; give the network another "bridge"`,
        );
      }
      assertVlanFiltering(bridge, config);
      try {
        disableRouterAdvertisements(config.bridge);
        const promisc = config.promiscMode && !bridge.promisc ? { promisc: true } : {};
        if (config.macSpoofCheck) disableLinkLocalLearning(rt, bridge);
        if (!bridge.up || promisc.promisc) setLink(rt, bridge, { up: true, ...promisc });
        return bridge;
      } catch (error) {
        if (!isErrno(error, "ENODEV")) throw error;
      }
    }
    if (attempt === attempts) {
      throw new CniError(
        ErrorCode.tryAgainLater,
        `bridge "${config.bridge}" vanishes while it is being set up`,
        "something else removes it at the same time",
      );
    }
  }
}

function makeBridge(rt: NetlinkSocket, config: BridgeConfig): boolean {
  const { bridge: name, mtu, vlanFiltering } = config;
  try {
    // The MAC is fixed from the beginning: otherwise it changes with each port that comes or goes, and results are
    // wrong.
    return createBridge(rt, {
      name,
      mtu,
      vlanFiltering,
      noLinkLocalLearn: config.macSpoofCheck,
      mac: randomMac(),
    });
  } catch (error) {
    if (!vlanFiltering || !isErrno(error, "EOPNOTSUPP")) throw error;
    throw new CniError(
      ErrorCode.kernelRefused,
      `failed to create bridge "${name}": the kernel has no VLAN filtering for bridges`,
      "vlan and vlanTrunk need a kernel with CONFIG_BRIDGE_VLAN_FILTERING",
      { cause: error },
    );
  }
}

/** Without filtering every container would see the frames of every VLAN. */
function assertVlanFiltering(bridge: Link, config: BridgeConfig): void {
  const { vlan, trunk } = config.vlans;
  if ((vlan === 0 && trunk.length === 0) || bridge.bridge?.vlanFiltering === true) return;
  throw new CniError(
    ErrorCode.conflict,
    `bridge "${bridge.name}" exists without VLAN filtering, so VLANs would not be kept apart`,
    `turn it on with: ip link set ${bridge.name} type bridge vlan_filtering 1; or give the network another "bridge"`,
  );
}

/**
 * Keeps a bridge from learning MACs from link-local frames (to 01:80:c2:00:00:0X), which no rule sees: a container
 * could take over its neighbour's MAC by them. Nobody needs to learn from those, so an existing bridge gets the option
 * too. It stays, since other containers rely on it. Kernels before 5.0 ignore it, which CHECK reports.
 */
export function disableLinkLocalLearning(rt: NetlinkSocket, bridge: Link): void {
  if (bridge.bridge?.noLinkLocalLearn !== true) setNoLinkLocalLearn(rt, bridge);
}

/** Deletes a bridge that this call created, unless another uses it by now. */
function takeBackBridge(rt: NetlinkSocket, made: Link): void {
  whileNobodyAttaches(() => {
    if (findLink(rt, made.name)?.index === made.index && !hasPorts(rt, made)) deleteLink(rt, made);
  });
}

/** True when anything but the gateway interface of a VLAN is a port of the bridge. Throws SystemError. */
export function hasPorts(rt: NetlinkSocket, bridge: Link, gateway?: Link): boolean {
  return listLinks(rt, { master: bridge.index }).some(({ index }) => index !== gateway?.peerIndex);
}

/** Keeps a link of the host that belongs to containers from getting addresses by router advertisements. */
export function disableRouterAdvertisements(link: string): void {
  try {
    ensureSysctl(linkSysctl(6, link, "accept_ra"), "0");
  } catch {
    // Without IPv6 there are no router advertisements; a read-only /proc/sys is the administrator's decision.
  }
}

/** Lets the host forward packets of a family. It stays on: other networks may rely on it by then. */
export function enableForwarding(family: IpFamily): void {
  const path = family === 4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding";
  requireSysctl(path, "1");
}
