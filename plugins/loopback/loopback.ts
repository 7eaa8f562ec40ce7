import { inContainerIfPresent, openContainerNetns } from "../../shared/cni/container-netns.ts";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { hostEndOf } from "../../shared/cni/own-link.ts";
import { isAliasOfContainer, isLinkAlias } from "../../shared/cni/owner-alias.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { prevResult, prevResultIfUsable } from "../../shared/cni/prev-result.ts";
import type { Result, ResultIp } from "../../shared/cni/result.ts";
import { resultDocument } from "../../shared/cni/result-print.ts";
import { withUndo } from "../../shared/cni/undo-stack.ts";
import { isLoopback, sameIp } from "../../shared/ip/address.ts";
import { formatPrefix, type IpPrefix } from "../../shared/ip/prefix.ts";
import { inNetns, type Netns } from "../../shared/linux/netns.ts";
import { linkSysctl, readSysctl } from "../../shared/linux/sysctl.ts";
import type { NetlinkSocket } from "../../shared/netlink/client.ts";
import { listAddresses } from "../../shared/rtnetlink/address.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";
import { type Link, listLinks, requireLink, setLink } from "../../shared/rtnetlink/link.ts";

/** The interface's name, whatever CNI_IFNAME says. */
const name = "lo";

/** ADD: sets lo up; the kernel gives it 127.0.0.1 and ::1. */
export function add(request: Request): Result {
  const previous = prevResult(request);
  const result = withLoopback(openContainerNetns(request), (rt, lo) =>
    withUndo((undo) => {
      setLink(rt, lo, { up: true });
      if (!lo.up) undo.push(() => setLink(rt, lo, { up: false }));
      const answer = previous ?? loopbackResult(request.netns, addressesOf(rt, lo));
      // A version that cannot express the result makes the ADD fail: better while it can be undone.
      resultDocument(answer, request.cniVersion);
      return answer;
    }),
  );
  return result;
}

/** DEL: sets lo down. Nothing is to be done when the namespace is gone, or another container's by now. */
export function del(request: Request): void {
  const host = openRtnetlink();
  try {
    inContainerIfPresent(request, () => {
      const rt = openRtnetlink();
      try {
        if (!isOthers(request, rt, host)) setLink(rt, requireLink(rt, name), { up: false });
      } finally {
        rt.close();
      }
    });
  } finally {
    host.close();
  }
}

/** lo does not tell whose it is, but other interfaces beside it do. */
function isOthers({ containerId }: Request, rt: NetlinkSocket, host: NetlinkSocket): boolean {
  const aliases = listLinks(rt)
    .filter(({ kind }) => kind === "veth")
    .map((link) => hostEndOf(host, link)?.alias ?? "")
    .filter(isLinkAlias);
  return aliases.length > 0 && !aliases.some((alias) => isAliasOfContainer(containerId, alias));
}

/** CHECK: lo is up and has the addresses that prevResult tells of. Throws CniError code 105. */
export function check(request: Request): void {
  const wanted = loopbackAddresses(prevResultIfUsable(request));
  withLoopback(openContainerNetns(request), (rt, lo) => {
    if (!lo.up) throw mismatch("loopback interface is down", `lo of ${request.netns} was set down after ADD`);
    const present = addressesOf(rt, lo);
    for (const prefix of wanted) {
      if (present.some(({ address }) => sameIp(address, prefix.address))) continue;
      // Switching IPv6 off, as a sysctl of the same container may do, takes ::1 away rightly.
      if (prefix.address.family === 6 && isIpv6Off()) continue;
      throw mismatch(
        `loopback interface lacks address ${formatPrefix(prefix)}`,
        `it was removed from lo of ${request.netns} after ADD`,
      );
    }
  });
}

/**
 * The result for lo: of each family the first loopback address, as the Go plugin has it. Other addresses on lo, such
 * as the service address that every server of an anycast group has there, belong to somebody else.
 */
export function loopbackResult(netns: string, addresses: readonly IpPrefix[]): Result {
  const first = (family: 4 | 6): ResultIp[] =>
    addresses
      .filter(({ address }) => address.family === family && isLoopback(address))
      .slice(0, 1)
      .map((address) => ({ address, interface: 0 }));
  return {
    interfaces: [{ name, mac: "00:00:00:00:00:00", sandbox: netns }],
    ips: [...first(4), ...first(6)],
    routes: [],
    dns: {},
  };
}

/** The addresses that a result tells of lo; none when it does not come from this plugin. */
export function loopbackAddresses(result: Result | undefined): readonly IpPrefix[] {
  const ips = result?.ips ?? [];
  return ips
    .filter((ip) => result?.interfaces[ip.interface ?? -1]?.name === name)
    .map(({ address }) => address);
}

/** Works on lo in a namespace, with a socket there; closes both. */
function withLoopback<T>(netns: Netns, work: (rt: NetlinkSocket, lo: Link) => T): T {
  try {
    return inNetns(netns, () => {
      const rt = openRtnetlink();
      try {
        return work(rt, requireLink(rt, name));
      } finally {
        rt.close();
      }
    });
  } finally {
    netns.close();
  }
}

function addressesOf(rt: NetlinkSocket, lo: Link): readonly IpPrefix[] {
  return listAddresses(rt, { index: lo.index }).map(({ prefix }) => prefix);
}

function isIpv6Off(): boolean {
  try {
    return readSysctl(linkSysctl(6, name, "disable_ipv6")) !== "0";
  } catch {
    // A kernel without IPv6.
    return true;
  }
}

function mismatch(cause: string, details: string): CniError {
  return new CniError(ErrorCode.checkMismatch, cause, details);
}
