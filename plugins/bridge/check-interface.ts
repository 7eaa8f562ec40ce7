import { statSync } from "node:fs";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Result, ResultInterface, ResultIp } from "../../shared/cni/result.ts";
import { formatIp } from "../../shared/ip/address.ts";
import {
  formatPrefix,
  type IpPrefix,
  isDefaultPrefix,
  networkOf,
  samePrefix,
} from "../../shared/ip/prefix.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { listAddresses } from "../../shared/rtnetlink/address.ts";
import type { Link } from "../../shared/rtnetlink/link.ts";
import { type KernelRoute, listRoutes, RT_TABLE_MAIN } from "../../shared/rtnetlink/route.ts";

/*
 * The parts of CHECK that any plugin with an interface in the container needs: its namespace, MAC, addresses and routes
 * as `prevResult` has them.
 */

/** The addresses of a result that are on the container's interface: chained plugins may have added others. */
export function ownIps(result: Result, ifname: string): ResultIp[] {
  return result.ips.filter((ip) => isOwn(ip, result, ifname));
}

/** As `ownIps`, the addresses alone. */
export function ownAddresses(result: Result, ifname: string): IpPrefix[] {
  return ownIps(result, ifname).map(({ address }) => address);
}

function isOwn(ip: ResultIp, result: Result, ifname: string): boolean {
  const entry = ip.interface === undefined ? undefined : result.interfaces[ip.interface];
  return entry === undefined || entry.name === ifname;
}

/** The container's interface in a result; undefined when it has none. */
export function containerEntry({ interfaces }: Result, ifname: string): ResultInterface | undefined {
  return interfaces.find(({ name, sandbox }) => name === ifname && (sandbox ?? "") !== "");
}

/** True when two paths lead to one namespace: it may have several, such as /run/netns/NAME and /proc/PID/ns/net. */
export function isSameFile(one: string, other: string): boolean {
  if (one === other) return true;
  try {
    const [first, second] = [statSync(one, { bigint: true }), statSync(other, { bigint: true })];
    return first.dev === second.dev && first.ino === second.ino;
  } catch {
    return false;
  }
}

export function checkMac(entry: ResultInterface, link: Link, what: string): void {
  const wanted = (entry.mac ?? "").toLowerCase().replaceAll("-", ":");
  if (wanted === "" || wanted === link.mac) return;
  throw mismatch(`${what} ${link.name} Mac doesn't match: ${entry.mac}`, `the link has ${link.mac}`);
}

export function checkAddresses(container: NetlinkSocket, link: Link, result: Result): void {
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

export function checkRoutes(container: NetlinkSocket, link: Link, result: Result): void {
  const lists = new Map<number, KernelRoute[]>();
  for (const route of result.routes) {
    const { family } = route.dst.address;
    // The kernel clears the bits beyond the prefix.
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

/** The error of CHECK. */
export function mismatch(msg: string, details = ""): CniError {
  return new CniError(ErrorCode.checkMismatch, msg, details);
}
