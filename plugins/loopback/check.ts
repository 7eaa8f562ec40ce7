import { openContainerNetns } from "../../shared/cni/container-netns.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { prevResultIfUsable } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { sameIp } from "../../shared/ip/address.ts";
import { formatPrefix, type IpPrefix } from "../../shared/ip/prefix.ts";
import { linkSysctl, readSysctl } from "../../shared/linux/sysctl.ts";
import { addressesOfLoopback, loopbackName, withLoopback } from "./lo.ts";

/** Compares lo with ADD's result: it is up and has the addresses that `prevResult` has for it. Throws CniError code 105. */
export function check(request: Request): void {
  const wanted = loopbackAddresses(prevResultIfUsable(request));
  withLoopback(openContainerNetns(request), (rt, lo) => {
    if (!lo.up) throw mismatch("loopback interface is down", `lo of ${request.netns} was set down after ADD`);
    const present = addressesOfLoopback(rt, lo);
    for (const prefix of wanted) {
      if (present.some(({ address }) => sameIp(address, prefix.address))) continue;
      // Without IPv6, which a sysctl of the same container may have switched off, lo has no ::1.
      if (prefix.address.family === 6 && isIpv6Off()) continue;
      throw mismatch(
        `loopback interface lacks address ${formatPrefix(prefix)}`,
        `it was removed from lo of ${request.netns} after ADD`,
      );
    }
  });
}

/** The addresses that a result has for lo; none when the result does not come from this plugin. */
export function loopbackAddresses(result: Result | undefined): readonly IpPrefix[] {
  const ips = result?.ips ?? [];
  return ips
    .filter((ip) => result?.interfaces[ip.interface ?? -1]?.name === loopbackName)
    .map(({ address }) => address);
}

function isIpv6Off(): boolean {
  try {
    return readSysctl(linkSysctl(6, loopbackName, "disable_ipv6")) !== "0";
  } catch {
    // The kernel has no IPv6.
    return true;
  }
}

function mismatch(cause: string, details: string): CniError {
  return new CniError(ErrorCode.checkMismatch, cause, details);
}
