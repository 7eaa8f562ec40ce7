import type { AttachmentKey } from "../../shared/cni/attachment-key.ts";
import { openContainerNetns } from "../../shared/cni/container-netns.ts";
import { delegate } from "../../shared/cni/delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { likelyFamilies, requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { formatIp, sameIp } from "../../shared/ip/address.ts";
import { formatPrefix, type IpPrefix } from "../../shared/ip/prefix.ts";
import type { Iptables } from "../../shared/iptables/client.ts";
import { inNetns } from "../../shared/linux/netns.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { listAddresses } from "../../shared/rtnetlink/address.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { findLink, findLinkByIndex, type Link } from "../../shared/rtnetlink/link.ts";
import {
  checkAddresses,
  checkMac,
  checkRoutes,
  containerEntry,
  isSameFile,
  mismatch,
  ownAddresses,
  ownIps,
} from "./check-interface.ts";
import { type BridgeConfig, vlanInterfaceName } from "./config.ts";
import { completeAddressing } from "./gateway/addressing.ts";
import { chooseMasquerade, notMasqueraded } from "./masquerade/masquerade.ts";
import type { Places } from "./places.ts";
import { spoofChecker } from "./spoof-check/spoof-check.ts";

/** Compares the kernel's state with the result of ADD; changes nothing. Throws CniError code 105 on a difference. */
export function check(request: Request, config: BridgeConfig, iptables: Iptables): void {
  const masquerades = config.ipMasq && config.ipam.type !== "";
  if (masquerades)
    chooseMasquerade(config.ipMasqBackend, iptables).prepareCheck(request, likelyFamilies(request));
  const netns = openContainerNetns(request);
  const host = openRtnetlink();
  const places = { host, container: inNetns(netns, openRtnetlink) };
  if (config.ipam.type !== "") delegate(request, config.ipam, "CHECK");
  const result = requirePrevResult(request, "CHECK of bridge");
  const bridge = checkBridge(host, config, result);
  if (config.isGateway)
    checkGateway(host, bridge, config, { ...result, ips: ownIps(result, request.ifname) });
  const { port, mac } = checkPair(request, places, bridge, result);
  if (config.macSpoofCheck) checkSpoofCheck(request, bridge, port, mac);
  const link = findLink(places.container, request.ifname);
  if (link !== undefined) {
    checkAddresses(places.container, link, result);
    checkRoutes(places.container, link, result);
  }
  if (masquerades) checkMasquerade(request, ownAddresses(result, request.ifname), iptables);
}

function checkMasquerade(key: AttachmentKey, addresses: readonly IpPrefix[], iptables: Iptables): void {
  const [missing] = notMasqueraded(key, addresses, iptables);
  if (missing === undefined) return;
  throw mismatch(
    `ipMasq: nothing masquerades ${formatPrefix(missing)}`,
    'its rules were removed, by a flush or a firewall\'s reload: "bridge reapply" makes them again',
  );
}

function checkSpoofCheck(key: AttachmentKey, bridge: Link, port: string, mac: string): void {
  const checker = spoofChecker(key, port, mac);
  if (checker === undefined) {
    throw mismatch(
      `macspoofchk: nothing checks the source MACs of ${port}`,
      'its rules were removed, by a flush or a firewall\'s reload: "bridge reapply" makes them again',
    );
  }
  // The Go plugin does not set the option.
  if (checker === "Go" || bridge.bridge?.noLinkLocalLearn === true) return;
  throw mismatch(
    `macspoofchk: bridge "${bridge.name}" learns MACs from link-local frames, so that it can be told a neighbour's MAC`,
    `"ip link set ${bridge.name} type bridge no_linklocal_learn 1" ends that, with Linux 5.0 or later; the next ADD does it too`,
  );
}

function checkBridge(host: NetlinkSocket, config: BridgeConfig, result: Result): Link {
  const entry = result.interfaces.find(({ name }) => name === config.bridge);
  if (entry === undefined) {
    throw mismatch(
      `CNI created bridge ${config.bridge} in host namespace was not found`,
      "prevResult has no entry for it",
    );
  }
  if ((entry.sandbox ?? "") !== "") throw mismatch(`Interface ${entry.name} should not be in sandbox`);
  const link = findLink(host, config.bridge);
  if (link === undefined)
    throw mismatch(`Interface name ${config.bridge} not found`, "the bridge was removed");
  if (link.kind !== "bridge") throw mismatch(`Interface ${config.bridge} does not have link type of bridge`);
  // The MAC of a bridge that is no gateway may change with its ports, and no packet has it.
  if (config.isGateway && config.vlans.vlan === 0) checkMac(entry, link, "Bridge interface");
  if (config.promiscMode && !link.promisc) {
    throw mismatch(
      `Bridge interface ${config.bridge} configured Promisc Mode true doesn't match current state: false`,
    );
  }
  if (!link.up) throw mismatch(`Interface ${config.bridge} is down`);
  return link;
}

/** Compares the gateway addresses: without them the host forwards nothing for its containers. */
function checkGateway(host: NetlinkSocket, bridge: Link, config: BridgeConfig, own: Result): void {
  const { gatewayAddresses } = completeAddressing(own, config);
  if (gatewayAddresses.length === 0) return;
  const name = config.vlans.vlan === 0 ? bridge.name : vlanInterfaceName(config);
  const link = findLink(host, name);
  const present = link === undefined ? [] : listAddresses(host, { index: link.index });
  for (const { address } of gatewayAddresses) {
    if (present.some(({ prefix }) => sameIp(prefix.address, address))) continue;
    throw mismatch(
      `gateway address ${formatIp(address)} not found on ${name}`,
      link === undefined
        ? `there is no ${name}`
        : "it was removed or replaced after ADD: attach the container again",
    );
  }
}

function checkPair(
  request: Request,
  { host, container }: Pick<Places, "host" | "container">,
  bridge: Link,
  result: Result,
): { port: string; mac: string } {
  const entry = containerEntry(result, request.ifname);
  if (entry === undefined) {
    throw mismatch(
      `CNI created interface in container ${request.ifname} not found`,
      "prevResult has no entry for it with a sandbox",
    );
  }
  if (!isSameFile(entry.sandbox ?? "", request.netns)) {
    throw mismatch(`Sandbox in prevResult ${entry.sandbox} doesn't match configured netns: ${request.netns}`);
  }
  const link = findLink(container, request.ifname);
  if (link === undefined)
    throw mismatch(`Interface name ${request.ifname} not found`, "the container lost it");
  if (link.kind !== "veth") throw mismatch(`Error: Container interface ${request.ifname} not of type veth`);
  checkMac(entry, link, "Interface");
  const peer = link.peerIndex === undefined ? undefined : findLinkByIndex(host, link.peerIndex);
  if (peer?.kind !== "veth" || peer.peerIndex !== link.index || peer.master !== bridge.index) {
    throw mismatch(
      `CNI veth created for bridge ${bridge.name} was not found`,
      `the host's end of ${request.ifname} is not a port of the bridge`,
    );
  }
  const peerEntry = result.interfaces.find(
    ({ name, sandbox }) => name === peer.name && (sandbox ?? "") === "",
  );
  if (peerEntry === undefined) {
    throw mismatch(
      `CNI veth created for bridge ${bridge.name} was not found`,
      `prevResult does not name ${peer.name}`,
    );
  }
  // The MAC of the host's end is not compared: udev and systemd-networkd rewrite it, and no traffic depends on it.
  return { port: peer.name, mac: link.mac };
}
