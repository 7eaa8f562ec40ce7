import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Result, ResultIp, Route } from "../../shared/cni/result.ts";
import { errorText } from "../../shared/errors/failure.ts";
import { isErrno } from "../../shared/errors/system-error.ts";
import { formatIp, type IpAddress, type IpFamily, isLinkLocal } from "../../shared/ip/address.ts";
import { formatPrefix, networkOf, prefixContains } from "../../shared/ip/prefix.ts";
import { isUnwritable, requireSysctl } from "../../shared/linux/required-sysctl.ts";
import { ensureSysctl, linkSysctl, readSysctl } from "../../shared/linux/sysctl.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import {
  addAddress,
  IFA_F_DADFAILED,
  IFA_F_NODAD,
  IFA_F_TENTATIVE,
  listAddresses,
} from "../../shared/rtnetlink/address.ts";
import { openRtnetlinkMonitor } from "../../shared/rtnetlink/client.ts";
import { RTMGRP_IPV6_IFADDR } from "../../shared/rtnetlink/constants.ts";
import { type Link, setLink } from "../../shared/rtnetlink/link.ts";
import { addRoute, type KernelRoute, RT_TABLE_MAIN } from "../../shared/rtnetlink/route.ts";
import type { BridgeConfig } from "./config.ts";

const settleMilliseconds = 5000;

/**
 * Gives the container's interface its addresses, sets it up and adds the routes. Called in the container's namespace.
 *
 * @throws CniError
 */
export function configureContainer(
  rt: NetlinkSocket,
  link: Link,
  addressing: Pick<Result, "ips" | "routes">,
  config: Pick<BridgeConfig, "enableDad">,
): void {
  prepareSysctls(link.name, config.enableDad);
  if (addressing.ips.some(isIpv6)) prepareIpv6(link.name);
  for (const { address } of addressing.ips) {
    // Nobody else has an address that IPAM gave: waiting for duplicate address detection would cost seconds.
    const flags = address.address.family === 6 && !config.enableDad ? IFA_F_NODAD : 0;
    if (!addAddress(rt, link, address, flags)) {
      throw new CniError(
        ErrorCode.conflict,
        `failed to add IP addr ${formatPrefix(address)} to "${link.name}": EEXIST, file exists`,
        "the IPAM plugin returned the same address twice",
      );
    }
  }
  setLink(rt, link, { up: true });
  if (config.enableDad && addressing.ips.some(isIpv6)) settleAddresses(rt, link);
  for (const route of addressing.routes)
    addRouteOf(rt, link, kernelRoute(route, addressing.ips), addressing.ips);
}

function addRouteOf(rt: NetlinkSocket, link: Link, route: KernelRoute, ips: readonly ResultIp[]): void {
  try {
    addRoute(rt, link, route);
  } catch (error) {
    const { gateway } = route;
    if (gateway === undefined || !isErrno(error, "ENETUNREACH", "EHOSTUNREACH", "EINVAL")) throw error;
    const isEverywhere = gateway.family === 6 && isLinkLocal(gateway);
    if (isEverywhere || ips.some(({ address }) => prefixContains(address, gateway))) throw error;
    const subnets = ips.map(({ address }) => formatPrefix(networkOf(address))).join(" and ");
    throw new CniError(
      ErrorCode.kernelRefused,
      `${errorText(error)}: gateway ${formatIp(gateway)} is outside of ${subnets}`,
      `a gateway has to be in the container's subnet: correct "gateway" of ipam, or "gw" of the route`,
      { cause: error },
    );
  }
}

function isIpv6(ip: ResultIp): boolean {
  return ip.address.address.family === 6;
}

/**
 * Sets the sysctls that containers of the Go plugin have. Without IPv6, or with a read-only /proc/sys, it skips them.
 */
function prepareSysctls(name: string, enableDad: boolean): void {
  const wanted: [string, string][] = [
    ...(enableDad ? [[linkSysctl(6, name, "enhanced_dad"), "1"] satisfies [string, string]] : []),
    [linkSysctl(6, name, "accept_dad"), enableDad ? "1" : "0"],
    // Neighbours learn at link-up that the address has a new owner.
    [linkSysctl(4, name, "arp_notify"), "1"],
  ];
  for (const [path, value] of wanted) {
    try {
      ensureSysctl(path, value);
    } catch (error) {
      if (!isErrno(error, "ENOENT") && !isUnwritable(error)) throw error;
    }
  }
}

/** Switches IPv6 on: container runtimes often start with it off. */
function prepareIpv6(name: string): void {
  for (const link of ["lo", name]) {
    const path = linkSysctl(6, link, "disable_ipv6");
    if (isKnownToDiffer(path, "0")) requireSysctl(path, "0", "have the runtime leave IPv6 on");
  }
  keepAddresses(name);
}

/** False for a sysctl that does not exist: without IPv6 in the kernel, adding the address fails and reports it. */
function isKnownToDiffer(path: string, value: string): boolean {
  try {
    return readSysctl(path) !== value;
  } catch {
    return false;
  }
}

/** Keeps the addresses while the link is down. A read-only /proc/sys is left as it is. */
function keepAddresses(name: string): void {
  try {
    ensureSysctl(linkSysctl(6, name, "keep_addr_on_down"), "1");
  } catch (error) {
    if (!isUnwritable(error)) throw error;
  }
}

/** Waits until the kernel has found no duplicate of the IPv6 addresses. Throws CniError when it has. */
function settleAddresses(rt: NetlinkSocket, link: Link): void {
  const monitor = openRtnetlinkMonitor(RTMGRP_IPV6_IFADDR);
  try {
    const settled = monitor.waitUntil(() => {
      const addresses = listAddresses(rt, { family: 6, index: link.index });
      const failed = addresses.find(({ flags }) => (flags & IFA_F_DADFAILED) !== 0);
      if (failed !== undefined) {
        throw new CniError(
          ErrorCode.conflict,
          `link ${link.name} has address ${formatIp(failed.prefix.address)} in DADFAILED state`,
          "another host on this network has the address",
        );
      }
      return addresses.every(({ flags }) => (flags & IFA_F_TENTATIVE) === 0);
    }, settleMilliseconds);
    if (!settled) {
      throw new CniError(
        ErrorCode.kernelRefused,
        `link ${link.name} still has tentative addresses after ${settleMilliseconds / 1000} seconds`,
        "duplicate address detection did not end; leave enabledad out to do without it",
      );
    }
  } finally {
    monitor.close();
  }
}

/** The route of the kernel: its gateway is the route's own, or that of the first address of its family. Pure. */
function kernelRoute(route: Route, ips: readonly ResultIp[]): KernelRoute {
  const { dst, gw, priority, table = 0, scope = 0, mtu, advmss } = route;
  const gateway = gw ?? firstGateway(ips, dst.address.family);
  return {
    dst,
    table: table > 0 ? table : RT_TABLE_MAIN,
    scope,
    ...(gateway === undefined ? {} : { gateway }),
    ...(priority === undefined ? {} : { priority }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(advmss === undefined ? {} : { advmss }),
  };
}

function firstGateway(ips: readonly ResultIp[], family: IpFamily): IpAddress | undefined {
  return ips.find(({ gateway }) => gateway?.family === family)?.gateway;
}
