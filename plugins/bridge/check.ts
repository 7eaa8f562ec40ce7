import { statSync } from "node:fs";
import { openContainerNetns } from "../../shared/cni/container-netns.ts";
import { delegate } from "../../shared/cni/delegate.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { Result, ResultInterface, ResultIp } from "../../shared/cni/result.ts";
import { formatIp, sameIp } from "../../shared/ip/address.ts";
import { formatPrefix, isDefaultPrefix, networkOf, samePrefix } from "../../shared/ip/prefix.ts";
import { inNetns } from "../../shared/linux/netns.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { listAddresses } from "../../shared/rtnetlink/address.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { findLink, findLinkByIndex, type Link } from "../../shared/rtnetlink/link.ts";
import { type KernelRoute, listRoutes, RT_TABLE_MAIN } from "../../shared/rtnetlink/route.ts";
import { type BridgeConfig, vlanInterfaceName } from "./config.ts";
import { completeAddressing } from "./gateways.ts";
import { notMasqueraded } from "./masquerade.ts";
import type { Owner } from "./owner.ts";
import { spoofChecker } from "./spoof-check.ts";

/** Compares the kernel's state with the result of ADD; changes nothing. Throws CniError code 105 on a difference. */
export function check(request: Request, config: BridgeConfig): void {
  const netns = openContainerNetns(request);
  const host = openRtnetlink();
  const container = inNetns(netns, openRtnetlink);
  if (config.ipam.type !== "") delegate(request, config.ipam, "CHECK");
  const result = requirePrevResult(request, "CHECK of bridge");
  const bridge = checkBridge(host, config, result);
  if (config.isGateway) checkGateway(request, host, config, bridge, result);
  const { port, mac } = checkPair(request, host, container, bridge, result);
  if (config.macSpoofCheck) checkSpoofCheck(request, bridge, port, mac);
  const link = findLink(container, request.ifname);
  if (link !== undefined) {
    checkAddresses(container, link, result);
    checkRoutes(container, link, result);
  }
  if (config.ipMasq && config.ipam.type !== "") checkMasquerade(request, result);
}

function checkMasquerade(request: Request, result: Result): void {
  const own = result.ips.filter((ip) => isOwn(ip, result, request.ifname)).map(({ address }) => address);
  const [missing] = notMasqueraded(request, own);
  if (missing === undefined) return;
  throw mismatch(
    `ipMasq: nothing masquerades ${formatPrefix(missing)}`,
    'its rules were removed, by a flush or a firewall\'s reload: "bridge reapply" makes them again',
  );
}

function checkSpoofCheck(owner: Owner, bridge: Link, port: string, mac: string): void {
  const checker = spoofChecker(owner, port, mac);
  if (checker === undefined) {
    throw mismatch(
      `macspoofchk: nothing checks the source MACs of ${port}`,
      'its rules were removed, by a flush or a firewall\'s reload: "bridge reapply" makes them again',
    );
  }
  // The Go plugin does not promise it.
  if (checker === "Go" || bridge.bridge?.noLinkLocalLearn === true) return;
  throw mismatch(
    `macspoofchk: bridge "${bridge.name}" learns MACs from link-local frames, so that it can be told a neighbour's MAC`,
    `"ip link set ${bridge.name} type bridge no_linklocal_learn 1" ends that, with Linux 5.0 or later; the next ADD does it too`,
  );
}

/** False for addresses of other interfaces, which chained plugins may have added. */
export function isOwn(ip: ResultIp, result: Result, ifname: string): boolean {
  const entry = ip.interface === undefined ? undefined : result.interfaces[ip.interface];
  return entry === undefined || entry.name === ifname;
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
  // Of a bridge without a gateway's address, which others have made, it changes with its ports, and no packet has it.
  if (config.isGateway && config.vlans.vlan === 0) checkMac(entry, link, "Bridge interface");
  if (config.promiscMode && !link.promisc) {
    throw mismatch(
      `Bridge interface ${config.bridge} configured Promisc Mode true doesn't match current state: false`,
    );
  }
  if (!link.up) throw mismatch(`Interface ${config.bridge} is down`);
  return link;
}

/** Without its gateway address the host answers none of the containers, and forwards nothing for them. */
function checkGateway(
  request: Request,
  host: NetlinkSocket,
  config: BridgeConfig,
  bridge: Link,
  result: Result,
): void {
  const ips = result.ips.filter((ip) => isOwn(ip, result, request.ifname));
  const { gatewayAddresses } = completeAddressing({ ...result, ips }, config, 0);
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
  host: NetlinkSocket,
  container: NetlinkSocket,
  bridge: Link,
  result: Result,
): { port: string; mac: string } {
  const entry = result.interfaces.find(
    ({ name, sandbox }) => name === request.ifname && (sandbox ?? "") !== "",
  );
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

/** A namespace has several paths: /run/netns/NAME, /var/run/netns/NAME, /proc/PID/ns/net. */
function isSameFile(one: string, other: string): boolean {
  if (one === other) return true;
  try {
    const [first, second] = [statSync(one, { bigint: true }), statSync(other, { bigint: true })];
    return first.dev === second.dev && first.ino === second.ino;
  } catch {
    return false;
  }
}

function checkMac(entry: ResultInterface, link: Link, what: string): void {
  const wanted = (entry.mac ?? "").toLowerCase().replaceAll("-", ":");
  if (wanted === "" || wanted === link.mac) return;
  throw mismatch(`${what} ${link.name} Mac doesn't match: ${entry.mac}`, `the link has ${link.mac}`);
}

function checkAddresses(container: NetlinkSocket, link: Link, result: Result): void {
  const present = listAddresses(container, { index: link.index });
  for (const [index, ip] of result.ips.entries()) {
    if (!isOwn(ip, result, link.name)) continue;
    if (present.some(({ prefix }) => samePrefix(prefix, ip.address))) continue;
    throw mismatch(
      `Failed to match addr ${formatPrefix(ip.address)} on interface ${link.name}`,
      `ips[${index}] of prevResult is missing in the container`,
    );
  }
}

function checkRoutes(container: NetlinkSocket, link: Link, result: Result): void {
  const lists = new Map<number, KernelRoute[]>();
  for (const route of result.routes) {
    const { family } = route.dst.address;
    // The kernel drops what is written beyond the prefix.
    const dst = networkOf(route.dst);
    const present = lists.get(family) ?? listRoutes(container, family);
    lists.set(family, present);
    const table = (route.table ?? 0) > 0 ? route.table : RT_TABLE_MAIN;
    const found = present.some(
      (candidate) =>
        candidate.table === table &&
        samePrefix(candidate.dst, dst) &&
        // Whoever replaced the default route's gateway meant it.
        (isDefaultPrefix(dst) ||
          route.gw === undefined ||
          (candidate.gateway !== undefined && formatIp(candidate.gateway) === formatIp(route.gw))),
    );
    if (found) continue;
    const via = route.gw === undefined ? "" : ` via ${formatIp(route.gw)}`;
    throw mismatch(
      `Expected Route ${formatPrefix(route.dst)}${via} not found in routing table`,
      `table ${table} of the container has no such route; interface ${link.name}`,
    );
  }
}

function mismatch(msg: string, details = ""): CniError {
  return new CniError(ErrorCode.checkMismatch, msg, details);
}
