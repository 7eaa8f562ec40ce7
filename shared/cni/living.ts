import { errorText } from "../errors/failure.ts";
import { sameIp } from "../ip/address.ts";
import { inNetns, type Netns, openNetns } from "../linux/netns.ts";
import { listAddresses } from "../rtnetlink/address.ts";
import { openRtnetlink } from "../rtnetlink/client.ts";
import { findLink } from "../rtnetlink/link.ts";
import type { Reapplied, Request } from "./plugin.ts";
import { requirePrevResult } from "./prev-result.ts";
import type { Result } from "./result.ts";

/**
 * Does what makes a living attachment's rules again. Alive means: `netns` is a network namespace, not the host's, that
 * has one of the attachment's addresses, or its interface with the MAC that it was given. A number of a process or a path
 * may be another container's by now.
 *
 * @param make returns what it has made.
 * @throws CniError
 */
export function ifAlive(request: Request, make: (result: Result) => readonly string[]): Reapplied {
  const result = requirePrevResult(request, "reapply");
  const gone = whyGone(request, result);
  return gone === undefined ? { made: make(result) } : { gone };
}

/** For plugins whose CHECK sees all that their ADD makes, and whose ADD makes no more than is missing. */
export function reapplyWhatCheckMisses(request: Request, check: () => void, add: () => void): Reapplied {
  return ifAlive(request, () => {
    const missing = failureOf(check);
    if (missing === undefined) return [];
    add();
    return [missing];
  });
}

function failureOf(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return errorText(error);
  }
}

/** Why an attachment is not alive, in words; undefined when it is. See `ifAlive`. */
export function whyGone({ netns: path, ifname }: Request, result: Result): string | undefined {
  if (path === "") return "its namespace is not known";
  let netns: Netns;
  try {
    netns = openNetns(path);
  } catch (error) {
    return errorText(error);
  }
  try {
    if (netns.isOwn()) return `${path} is the host's own namespace`;
    return inNetns(netns, () => isIn(ifname, result)) ? undefined : `${path} is another container's`;
  } finally {
    netns.close();
  }
}

/** In the container's namespace. */
function isIn(ifname: string, { interfaces, ips }: Result): boolean {
  const rt = openRtnetlink();
  try {
    const own = ips.filter(({ interface: index }) => (interfaces[index ?? -1]?.name ?? ifname) === ifname);
    const present = listAddresses(rt);
    if (own.some(({ address }) => present.some(({ prefix }) => sameIp(prefix.address, address.address))))
      return true;
    const link = findLink(rt, ifname);
    if (link === undefined) return false;
    const macs = interfaces
      .filter(({ name, sandbox = "" }) => name === ifname && sandbox !== "")
      .map(({ mac = "" }) => mac.toLowerCase());
    // Without address and MAC, as of a plugin that gives none, the name has to do.
    return macs.includes(link.mac) || (own.length === 0 && macs.every((mac) => mac === ""));
  } finally {
    rt.close();
  }
}
