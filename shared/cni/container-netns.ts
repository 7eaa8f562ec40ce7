import { Failure } from "../errors/failure.ts";
import { SystemError } from "../errors/system-error.ts";
import { inNetns, type Netns, openNetns } from "../linux/netns.ts";
import { CniError, ErrorCode } from "./errors/cni-error.ts";
import type { Request } from "./plugin.ts";

/** What tells where a container is. */
type Place = Pick<Request, "netns" | "netnsOverride">;

/**
 * Opens the container's network namespace. Working on the host as if it were a container would take its interfaces away.
 *
 * @throws CniError code 8 for what cannot be opened, is no network namespace, or is the host's own.
 */
export function openContainerNetns(place: Place): Netns {
  const netns = openNetns(place.netns);
  refuseHosts(netns, place);
  return netns;
}

/**
 * Refuses the host's own namespace. What else may be wrong with the path is left to whoever needs it.
 *
 * @throws CniError code 8
 */
export function refuseOwnNetns(place: Place): void {
  if (place.netns === "") return;
  let netns: Netns;
  try {
    netns = openNetns(place.netns);
  } catch {
    return;
  }
  refuseHosts(netns, place);
  netns.close();
}

function refuseHosts(netns: Netns, place: Place): void {
  if (!isHosts(netns, place)) return;
  netns.close();
  throw new CniError(
    ErrorCode.invalidNetns,
    "plugin's netns and netns from CNI_NETNS should not be the same",
    `CNI_NETNS ${place.netns} is the host's own namespace; nothing was changed`,
  );
}

/**
 * Does something in the container's namespace to clean up. Returns undefined, and does nothing, when it is gone: the path
 * is "", leads nowhere, to a plain file on which a namespace was mounted once, or to the host's own namespace, as that of
 * a process does whose number another one has by now.
 *
 * Nothing tells that it is this container's: the path may be another one's by now.
 *
 * @throws SystemError when it cannot be told; what `work` throws.
 */
export function inContainerIfPresent<T>(place: Place, work: () => T): T | undefined {
  const netns = openIfPresent(place);
  if (netns === undefined) return undefined;
  try {
    return isHosts(netns, place) ? undefined : inNetns(netns, work);
  } catch (error) {
    // A namespace of another kind.
    if (isNoNetns(error)) return undefined;
    throw error;
  } finally {
    netns.close();
  }
}

function openIfPresent(place: Place): Netns | undefined {
  if (place.netns === "") return undefined;
  try {
    return openNetns(place.netns);
  } catch (error) {
    const isAbsent = error instanceof SystemError && ["ENOENT", "ENOTDIR", "ESRCH"].includes(error.errno);
    if (isAbsent || isNoNetns(error)) return undefined;
    throw error;
  }
}

function isNoNetns(error: unknown): boolean {
  return error instanceof Failure && !(error instanceof SystemError) && error.kind === "netns";
}

function isHosts(netns: Netns, { netnsOverride = false }: Place): boolean {
  return !netnsOverride && netns.isOwn();
}
