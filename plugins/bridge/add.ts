import { openContainerNetns } from "../../shared/cni/container-netns.ts";
import { delegate, delegateAdd, type Ipam } from "../../shared/cni/delegate.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result, ResultInterface } from "../../shared/cni/result.ts";
import { type UndoStack, withUndo } from "../../shared/cni/undo-stack.ts";
import type { IpPrefix } from "../../shared/ip/prefix.ts";
import { inNetns, type Netns, ownNetns } from "../../shared/linux/netns.ts";
import { linkSysctl, withSysctl } from "../../shared/linux/sysctl.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { openRtnetlink, openRtnetlinkMonitor } from "../../shared/rtnetlink/client.ts";
import { RTMGRP_LINK } from "../../shared/rtnetlink/constants.ts";
import { findLink, findLinkByIndex, type Link, setLink } from "../../shared/rtnetlink/link.ts";
import { whileAttaching, whileNobodyAttaches } from "./bridge-lock.ts";
import { type BridgeConfig, vlanInterfaceName } from "./config.ts";
import { configureContainer } from "./container.ts";
import { fixMac } from "./fixed-mac.ts";
import {
  addGatewayAddresses,
  type GatewayPlan,
  planGateway,
  replaceContradicting,
} from "./gateway-address.ts";
import { type Addressing, completeAddressing } from "./gateways.ts";
import { enableForwarding, ensureBridge, hasPorts, refuseRouterAdvertisements } from "./host-bridge.ts";
import { addMasquerade, prepareMasquerade } from "./masquerade.ts";
import type { Owner } from "./owner.ts";
import { addSpoofCheck } from "./spoof-check.ts";
import { attachToBridge, createVeth, isGone, refuseExisting, type VethEnds } from "./veth.ts";
import { ensureVlanGateway } from "./vlan-gateway.ts";

const portUpMilliseconds = 5000;
const attempts = 10;
const leastIpv6Mtu = 1280; // RFC 8200, section 5
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
  const containerNetns = openContainerNetns(request);
  const hostNetns = ownNetns();
  const host = openRtnetlink();
  const container = inNetns(containerNetns, openRtnetlink);
  refuseExisting(container, request.ifname);
  const places = { host, hostNetns, container, containerNetns };
  return withUndo((undo) => attach(request, config, places, { shared: undo.nested(), own: undo }));
}

/** What an ADD makes for itself is taken back first. What others may use by then is looked at without its port. */
interface Undo {
  /** The bridge, its gateway interfaces and addresses. */
  readonly shared: UndoStack;
  readonly own: UndoStack;
}

function attach(request: Request, config: BridgeConfig, places: Places, undo: Undo): Result {
  const { bridge, ends } = whileAttaching(() => connect(request, config, places, undo));
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
  undo: Undo,
): Result {
  // Before the container's end goes up: no frame passes unchecked.
  if (config.macSpoofCheck) addSpoofCheck(request, ends.host.name, ends.container.mac, undo.own);
  const ipam = config.ipam.type === "" ? undefined : allocate(request, config.ipam, undo.own);
  const addressing = ipam === undefined ? undefined : completeAddressing(ipam, config, containerInterface);
  if (addressing !== undefined) refuseSmallMtu(addressing, bridge, ends);
  const addresses = addressing?.ips.map(({ address }) => address) ?? [];
  if (config.ipMasq && addressing !== undefined) prepareMasquerade(config.ipMasqBackend, addresses);
  const wanted = addressing?.gatewayAddresses ?? [];
  const lacking = gatewayLacks(config, places, bridge, wanted);
  if (addressing === undefined) bringUp(config, places, ends.container);
  else {
    inNetns(places.containerNetns, () =>
      configureContainer(places.container, ends.container, addressing, config),
    );
    if (config.ipMasq) addMasquerade(config.ipMasqBackend, request, addresses, undo.own);
  }
  if (!config.disableContainerInterface) waitForPort(places, ends.host);
  if (addressing !== undefined) announce(places, ends.container, addressing);

  // What others use too comes last: the less can fail behind it, the less has to be taken back.
  const gateway = makeGateway(config, places, bridge, wanted, lacking, undo.shared);
  const interfaces = describeInterfaces(request, places, bridge, ends);
  if (gateway !== undefined && gateway.link.index !== bridge.index) {
    interfaces.push({ name: gateway.link.name, mac: gateway.link.mac });
  }
  // This is not taken back: other networks may rely on it at once.
  for (const family of new Set(wanted.map(({ address }) => address.family))) enableForwarding(family);
  if (gateway !== undefined) replaceContradicting(places.host, gateway.link, gateway.plan, undo.shared);
  return {
    interfaces,
    ips: addressing?.ips ?? [],
    routes: addressing?.routes ?? [],
    dns: config.dns ?? ipam?.dns ?? {},
  };
}

/** Makes the bridge if need be, and a port of it. Others may remove the bridge in between: then it is made again. */
function connect(
  owner: Owner,
  config: BridgeConfig,
  { host, container, hostNetns }: Places,
  undo: Undo,
): { bridge: Link; ends: VethEnds } {
  let bridge = ensureBridge(host, config, undo.shared);
  const ends = createVeth(host, container, hostNetns.fd, owner, config, undo.own);
  refuseRouterAdvertisements(ends.host.name);
  for (let attempt = 1; attempt <= attempts; attempt++) {
    if (attachToBridge(host, ends.host, bridge, owner, config)) return { bridge, ends };
    bridge = ensureBridge(host, config, undo.shared);
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

/** The kernel has no IPv6 on links with less, and says "invalid argument". */
function refuseSmallMtu(addressing: Addressing, bridge: Link, { container }: VethEnds): void {
  if (!addressing.ips.some(({ address }) => address.address.family === 6)) return;
  const needsBridge = addressing.gatewayAddresses.some(({ address }) => address.family === 6);
  const small = [container, ...(needsBridge ? [bridge] : [])].find(({ mtu }) => mtu < leastIpv6Mtu);
  if (small === undefined) return;
  throw new CniError(
    ErrorCode.invalidConfig,
    `mtu ${small.mtu} of "${small.name}" is too small for IPv6, which needs ${leastIpv6Mtu}`,
    small === bridge
      ? `ip link set ${bridge.name} mtu 1500, or give the network another "bridge"`
      : 'raise "mtu", or give the network no IPv6 addresses',
  );
}

/**
 * Fixes the bridge's MAC, and returns what bridge or VLAN's interface lacks of the gateway addresses. What is there stays while this container's port
 * is: nobody takes it back then. Throws CniError when it has others that contradict.
 */
function gatewayLacks(
  config: BridgeConfig,
  places: Places,
  bridge: Link,
  wanted: readonly IpPrefix[],
): readonly IpPrefix[] {
  if (wanted.length === 0) return [];
  // At once, as the container's port may have given the bridge another one.
  if (config.vlans.vlan === 0) fixMac(places.host, bridge, config.bridge);
  const link = config.vlans.vlan === 0 ? bridge : findLink(places.host, vlanInterfaceName(config));
  return link === undefined ? wanted : planGateway(places.host, link, wanted, config.forceAddress).missing;
}

/** Makes the gateway as far as it is lacking. Returns its link, and what is left to be replaced on it. */
function makeGateway(
  config: BridgeConfig,
  { host, hostNetns }: Places,
  bridge: Link,
  wanted: readonly IpPrefix[],
  lacking: readonly IpPrefix[],
  undo: UndoStack,
): { link: Link; plan: GatewayPlan } | undefined {
  if (wanted.length === 0) return undefined;
  let link = bridge;
  if (config.vlans.vlan !== 0) {
    link = ensureVlanGateway(host, hostNetns.fd, bridge, config, undo);
    fixMac(host, link, vlanInterfaceName(config));
  }
  if (lacking.length === 0) return { link, plan: { missing: [], contradicting: [] } };
  // Others may have given it some meanwhile.
  const plan = planGateway(host, link, wanted, config.forceAddress);
  const takeBack = (work: () => void): void =>
    whileNobodyAttaches(() => {
      if (!hasPorts(host, bridge, link)) work();
    });
  addGatewayAddresses(host, link, plan.missing, undo, takeBack);
  return { link, plan };
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
      withSysctl(linkSysctl(6, link.name, "ndisc_notify"), "1", setAddress),
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
