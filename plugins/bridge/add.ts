import { delegate, delegateAdd, type Ipam } from "../../shared/cni/delegate.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result, ResultInterface } from "../../shared/cni/result.ts";
import { type UndoStack, withUndo } from "../../shared/cni/undo-stack.ts";
import type { Iptables } from "../../shared/iptables/client.ts";
import { inNetns } from "../../shared/linux/netns.ts";
import { openRtnetlinkMonitor } from "../../shared/rtnetlink/client.ts";
import { RTMGRP_LINK } from "../../shared/rtnetlink/constants.ts";
import { findLink, findLinkByIndex, type Link, setLink } from "../../shared/rtnetlink/link.ts";
import { announce } from "./announce.ts";
import { whileAttaching } from "./bridge-lock.ts";
import { attachToBridge, isBridgeGone } from "./bridge-port.ts";
import type { BridgeConfig } from "./config.ts";
import { configureContainer } from "./container.ts";
import { replaceContradicting } from "./gateway/addresses.ts";
import { type Addressing, completeAddressing } from "./gateway/addressing.ts";
import { ensureGateway, missingAddresses } from "./gateway/gateway.ts";
import { disableRouterAdvertisements, enableForwarding, ensureBridge } from "./host-bridge.ts";
import { chooseMasquerade } from "./masquerade/masquerade.ts";
import { openPlaces, type Places } from "./places.ts";
import { addSpoofCheck } from "./spoof-check/spoof-check.ts";
import { assertAbsent, createVeth, type VethEnds } from "./veth.ts";

const portUpMilliseconds = 5000;
const attempts = 10;
const leastIpv6Mtu = 1280; // RFC 8200, section 5

/** One ADD: what is asked for, where it is done, and how it is taken back. */
interface Attaching {
  readonly request: Request;
  readonly config: BridgeConfig;
  readonly places: Places;
  readonly undo: Undo;
}

/**
 * The undo steps of an ADD. Its own run first: whether others use the shared things by then is seen without its port.
 */
interface Undo {
  /** The bridge, its gateway interfaces and addresses. */
  readonly shared: UndoStack;
  readonly own: UndoStack;
}

/** The links that an ADD connects. */
interface Ends extends VethEnds {
  readonly bridge: Link;
}

/** Attaches a container to the bridge. Undoes the steps before one that fails. Throws CniError. */
export function add(request: Request, config: BridgeConfig, iptables: Iptables): Result {
  const places = openPlaces(request);
  assertAbsent(places.container, request.ifname);
  return withUndo((own) =>
    attach({ request, config, places, undo: { shared: own.nested(), own } }, iptables),
  );
}

function attach(attaching: Attaching, iptables: Iptables): Result {
  const ends = whileAttaching(() => connect(attaching));
  try {
    return configureEnds(attaching, ends, iptables);
  } catch (error) {
    // The bridge's removal is the cause then, and the failure its consequence.
    throw isBridgeGone(attaching.places.host, ends.bridge) ? removedMeanwhile(ends.bridge, error) : error;
  }
}

function configureEnds(attaching: Attaching, ends: Ends, iptables: Iptables): Result {
  const { request, config, places, undo } = attaching;
  // Before the container's end goes up: no frame passes unchecked.
  if (config.macSpoofCheck) addSpoofCheck(request, ends.host.name, ends.container.mac, undo.own);
  const ipam = config.ipam.type === "" ? undefined : allocate(request, config.ipam, undo.own);
  const addressing = ipam === undefined ? undefined : completeAddressing(ipam, config);
  if (addressing !== undefined) assertMtuForIpv6(addressing, ends);
  const addresses = addressing?.ips.map(({ address }) => address) ?? [];
  const families = new Set(addresses.map(({ address }) => address.family));
  const masquerade =
    config.ipMasq && addressing !== undefined ? chooseMasquerade(config.ipMasqBackend, iptables) : undefined;
  masquerade?.prepareAdd([...families]);
  const wanted = { bridge: ends.bridge, addresses: addressing?.gatewayAddresses ?? [], config };
  const missing = missingAddresses(places, wanted);
  if (addressing === undefined) bringUp(config, places, ends.container);
  else {
    inNetns(places.containerNetns, () =>
      configureContainer(places.container, ends.container, addressing, config),
    );
    masquerade?.add(request, addresses, undo.own);
  }
  if (!config.disableContainerInterface) waitForPort(places, ends.host);
  if (addressing !== undefined) announce(places, ends.container, families);

  // Shared things come last: the fewer steps can fail behind them, the less often they have to be taken back.
  const gateway = ensureGateway(places, wanted, missing, undo.shared);
  const containerEnd = { name: ends.container.name, mac: ends.container.mac, sandbox: request.netns };
  const interfaces: ResultInterface[] = [...hostInterfaces(places, ends), containerEnd];
  if (gateway !== undefined && gateway.link.index !== ends.bridge.index) {
    interfaces.push({ name: gateway.link.name, mac: gateway.link.mac });
  }
  // This is not taken back: other networks may rely on it at once.
  for (const family of new Set(wanted.addresses.map(({ address }) => address.family)))
    enableForwarding(family);
  if (gateway !== undefined) replaceContradicting(places.host, gateway.link, gateway.plan, undo.shared);
  const index = interfaces.indexOf(containerEnd);
  return {
    interfaces,
    ips: addressing?.ips.map((ip) => ({ ...ip, interface: index })) ?? [],
    routes: addressing?.routes ?? [],
    dns: config.dns ?? ipam?.dns ?? {},
  };
}

/** Makes sure that the bridge exists, and adds a port to it. Creates it again when others remove it meanwhile. */
function connect({ request, config, places, undo }: Attaching): Ends {
  const { host } = places;
  let bridge = ensureBridge(host, config, undo.shared);
  const ends = createVeth(places, request, config, undo.own);
  disableRouterAdvertisements(ends.host.name);
  for (let attempt = 1; attempt <= attempts; attempt++) {
    if (attachToBridge(host, { bridge, port: ends.host }, request, config)) return { ...ends, bridge };
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

/** The kernel has no IPv6 on links with a smaller MTU, and would only answer "invalid argument". */
function assertMtuForIpv6(addressing: Addressing, { bridge, container }: Ends): void {
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

/** Waits until the bridge forwards to the port: then the container is reachable. */
function waitForPort({ host }: Places, port: Link): void {
  const state = () => findLinkByIndex(host, port.index)?.operState ?? "absent";
  const monitor = openRtnetlinkMonitor(RTMGRP_LINK);
  try {
    if (monitor.waitUntil(() => state() === "up", portUpMilliseconds)) return;
    throw new CniError(
      ErrorCode.kernelRefused,
      `bridge port in error state: ${state()}`,
      `"${port.name}" did not come up; is the bridge up, and does spanning tree keep the port blocked?`,
    );
  } finally {
    monitor.close();
  }
}

function hostInterfaces(places: Places, { bridge, host }: Ends): ResultInterface[] {
  // The bridge's MAC may have changed when the port was added.
  const current = findLink(places.host, bridge.name);
  if (current?.index !== bridge.index) throw removedMeanwhile(bridge);
  return [
    { name: bridge.name, mac: current.mac },
    { name: host.name, mac: host.mac },
  ];
}

function removedMeanwhile(bridge: Link, cause?: unknown): CniError {
  const msg = `bridge "${bridge.name}" was removed while the container was attached`;
  return new CniError(ErrorCode.tryAgainLater, msg, "call ADD again", { cause });
}
