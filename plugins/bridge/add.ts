import { delegate, delegateAdd, type Ipam } from "../../shared/cni/delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result, ResultInterface } from "../../shared/cni/result.ts";
import { type UndoStack, withUndo } from "../../shared/cni/undo-stack.ts";
import { CniError, ErrorCode } from "../../shared/errors/cni-error.ts";
import { inNetns, type Netns, openNetns, ownNetns } from "../../shared/linux/netns.ts";
import { withSysctl } from "../../shared/linux/sysctl.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { openRtnetlink, openRtnetlinkMonitor, RTMGRP_LINK } from "../../shared/rtnetlink/client.ts";
import { findLink, findLinkByIndex, type Link, setLink } from "../../shared/rtnetlink/link.ts";
import { type BridgeConfig, vlanInterfaceName } from "./config.ts";
import { configureContainer } from "./container.ts";
import { fixMac } from "./fixed-mac.ts";
import { type Addressing, completeAddressing } from "./gateways.ts";
import {
  enableForwarding,
  ensureBridge,
  ensureGatewayAddress,
  refuseRouterAdvertisements,
} from "./host-bridge.ts";
import { addMasquerade, prepareMasquerade } from "./masquerade.ts";
import type { Owner } from "./owner.ts";
import { addSpoofCheck } from "./spoof-check.ts";
import { attachToBridge, createVeth, isGone, refuseExisting, type VethEnds } from "./veth.ts";
import { ensureVlanGateway } from "./vlan-gateway.ts";

const portUpMilliseconds = 5000;
const attempts = 10;
/** Order of the result's interfaces: bridge, host's end, container's end. */
const containerInterface = 2;

/** Where the work is done: both namespaces with a netlink socket in each. */
interface Places {
  readonly host: NetlinkSocket;
  readonly hostNetns: Netns;
  readonly container: NetlinkSocket;
  readonly containerNetns: Netns;
}

/** Attaches a container to the bridge. What was done is undone when a later step fails. Throws CniError. */
export function add(request: Request, config: BridgeConfig): Result {
  const containerNetns = openNetns(request.netns);
  const hostNetns = ownNetns();
  const host = openRtnetlink();
  const container = inNetns(containerNetns, openRtnetlink);
  refuseExisting(container, request.ifname);
  const places = { host, hostNetns, container, containerNetns };
  return withUndo((undo) => attach(request, config, places, undo));
}

function attach(request: Request, config: BridgeConfig, places: Places, undo: UndoStack): Result {
  const { bridge, ends } = connect(request, config, places, undo);
  try {
    return configureEnds(request, config, places, bridge, ends, undo);
  } catch (error) {
    // What failed is a consequence then.
    throw isGone(places.host, bridge) ? removedMeanwhile(bridge, error) : error;
  }
}

function configureEnds(
  request: Request,
  config: BridgeConfig,
  places: Places,
  bridge: Link,
  ends: VethEnds,
  undo: UndoStack,
): Result {
  // Before the container's end goes up: no frame passes unchecked.
  if (config.macSpoofCheck) addSpoofCheck(request, ends.host.name, ends.container.mac, undo);
  const ipam = config.ipam.type === "" ? undefined : allocate(request, config.ipam, undo);
  const addressing = ipam === undefined ? undefined : completeAddressing(ipam, config, containerInterface);
  if (config.ipMasq && addressing !== undefined) {
    prepareMasquerade(
      config.ipMasqBackend,
      addressing.ips.map(({ address }) => address),
    );
  }
  const gateway =
    addressing === undefined ? undefined : gatewayLink(config, places, bridge, addressing, undo);
  if (addressing === undefined) bringUp(config, places, ends.container);
  else configure(request, config, places, gateway, ends, addressing, undo);

  if (!config.disableContainerInterface) waitForPort(places, ends.host);
  if (addressing !== undefined) announce(places, ends.container, addressing);
  const interfaces = describeInterfaces(request, places, bridge, ends);
  if (gateway !== undefined && gateway.index !== bridge.index) {
    interfaces.push({ name: gateway.name, mac: gateway.mac });
  }
  // Last, as it is not taken back: other networks may rely on it at once.
  for (const family of new Set(addressing?.gatewayAddresses.map(({ address }) => address.family))) {
    enableForwarding(family);
  }
  return {
    interfaces,
    ips: addressing?.ips ?? [],
    routes: addressing?.routes ?? [],
    dns: config.dns ?? ipam?.dns ?? {},
  };
}

/** Makes the bridge if need be, and a port of it. Another call may remove the bridge in between: then it is made again. */
function connect(
  owner: Owner,
  config: BridgeConfig,
  { host, container, hostNetns }: Places,
  undo: UndoStack,
): { bridge: Link; ends: VethEnds } {
  let bridge = ensureBridge(host, config, undo);
  const ends = createVeth(host, container, hostNetns.fd, owner, config, undo);
  refuseRouterAdvertisements(ends.host.name);
  for (let attempt = 1; attempt <= attempts; attempt++) {
    if (attachToBridge(host, ends.host, bridge, owner, config)) return { bridge, ends };
    bridge = ensureBridge(host, config, undo);
  }
  throw new CniError(
    ErrorCode.tryAgainLater,
    `bridge "${config.bridge}" was removed ${attempts} times while the container was attached`,
    "something else removes it at the same time",
  );
}

/** Asks the IPAM plugin. When its ADD fails it has to clean up itself: a DEL could release an address in use. */
function allocate(request: Request, ipam: Ipam, undo: UndoStack): Result {
  const result = delegateAdd(request, ipam);
  undo.push(() => delegate(request, ipam, "DEL"));
  if (result.ips.length > 0) return result;
  throw new CniError(
    ErrorCode.invalidConfig,
    "IPAM plugin returned missing IP config",
    `${ipam.type} gave no address; leave "ipam" out for a network without addresses`,
  );
}

function bringUp(config: BridgeConfig, places: Places, link: Link): void {
  if (!config.disableContainerInterface) setLink(places.container, link, { up: true });
}

/** The link that gets the gateway addresses; undefined when there are none. */
function gatewayLink(
  config: BridgeConfig,
  places: Places,
  bridge: Link,
  addressing: Addressing,
  undo: UndoStack,
): Link | undefined {
  if (addressing.gatewayAddresses.length === 0) return undefined;
  if (config.vlans.vlan === 0) return bridge;
  return ensureVlanGateway(places.host, places.hostNetns.fd, bridge, config, undo);
}

function configure(
  request: Request,
  config: BridgeConfig,
  places: Places,
  gateway: Link | undefined,
  ends: VethEnds,
  addressing: Addressing,
  undo: UndoStack,
): void {
  inNetns(places.containerNetns, () =>
    configureContainer(places.container, ends.container, addressing, config),
  );
  if (gateway !== undefined) {
    fixMac(places.host, gateway, config.vlans.vlan === 0 ? config.bridge : vlanInterfaceName(config));
    for (const address of addressing.gatewayAddresses) {
      ensureGatewayAddress(places.host, gateway, address, config.forceAddress, undo);
    }
  }
  if (!config.ipMasq) return;
  addMasquerade(
    config.ipMasqBackend,
    request,
    addressing.ips.map(({ address }) => address),
    undo,
  );
}

/** The container is reachable once the bridge forwards to its port. */
function waitForPort(places: Places, port: Link): void {
  const monitor = openRtnetlinkMonitor(RTMGRP_LINK);
  try {
    let state = "absent";
    const isUp = (): boolean => {
      state = findLinkByIndex(places.host, port.index)?.operState ?? "absent";
      return state === "up";
    };
    if (monitor.waitUntil(isUp, portUpMilliseconds)) return;
    throw new CniError(
      ErrorCode.kernelRefused,
      `bridge port in error state: ${state}`,
      `"${port.name}" did not come up; is the bridge up, and does spanning tree keep the port blocked?`,
    );
  } finally {
    monitor.close();
  }
}

/**
 * Tells the neighbours whose the addresses are now. The kernel does when the link goes up (arp_notify), which is before
 * the bridge forwards anything from it. It does again when the link gets a hardware address, be it the one that it has
 * (inetdev_event, ndisc_netdev_event). A packet socket of our own would take 10 ms to be closed.
 */
function announce(places: Places, link: Link, { ips }: Addressing): void {
  const setAddress = (): void => setLink(places.container, link, { mac: link.mac });
  const withIpv6 = (): void =>
    inNetns(places.containerNetns, () =>
      withSysctl(`net/ipv6/conf/${link.name}/ndisc_notify`, "1", setAddress),
    );
  const hasIpv6 = ips.some(({ address }) => address.address.family === 6);
  for (const way of hasIpv6 ? [withIpv6, setAddress] : [setAddress]) {
    try {
      way();
      return;
    } catch {
      // Neighbours learn it later then; a container that works is not given up for it.
    }
  }
}

function describeInterfaces(
  request: Request,
  places: Places,
  bridge: Link,
  ends: VethEnds,
): ResultInterface[] {
  // The bridge may have got another MAC when the port was added.
  const current = findLink(places.host, bridge.name);
  if (current?.index !== bridge.index) throw removedMeanwhile(bridge);
  return [
    { name: bridge.name, mac: current.mac },
    { name: ends.host.name, mac: ends.host.mac },
    { name: ends.container.name, mac: ends.container.mac, sandbox: request.netns },
  ];
}

function removedMeanwhile(bridge: Link, cause?: unknown): CniError {
  const msg = `bridge "${bridge.name}" was removed while the container was attached`;
  return new CniError(ErrorCode.tryAgainLater, msg, "call ADD again", { cause });
}
