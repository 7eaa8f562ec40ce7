/** What runtimes note of an attachment in libcni's cache (libcni/api.go, cachedInfo). */
import type { Host } from "../host/host.ts";
import type { JsonObject } from "../host/json.ts";

/** Where the entry of an attachment by eth0 is. */
export function cachedResultPath(network: string, containerId: string): string {
  return `/var/lib/cni/results/${network}-${containerId}-eth0`;
}

/**
 * Notes an attachment by eth0.
 *
 * @param list the network's configuration list; undefined for an entry without one.
 * @param more members besides, such as `result`; `netns` is /run/netns/ID unless it is among them.
 */
export function cacheResult(
  host: Host,
  { network, containerId }: { readonly network: string; readonly containerId: string },
  list: JsonObject | undefined,
  more: JsonObject,
): void {
  const entry = {
    ...{ kind: "cniCacheV1", containerId, ifName: "eth0", networkName: network },
    netns: `/run/netns/${containerId}`,
    config: list === undefined ? "" : Buffer.from(JSON.stringify(list)).toString("base64"),
    ...more,
  };
  host.writeFile(cachedResultPath(network, containerId), JSON.stringify(entry));
}
