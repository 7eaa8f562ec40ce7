import type { UndoStack } from "../../shared/cni/undo-stack.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { forgetConnectionsOf } from "../../shared/conntrack/client.ts";
import { formatIp, type IpAddress } from "../../shared/ip/address.ts";
import type { IpPrefix } from "../../shared/ip/prefix.ts";
import { changeRules, changeRulesIfAvailable, type Family } from "../../shared/iptables/client.ts";
import {
  type ChainOwner,
  planCollection,
  planMasquerade,
  planRemoval,
  sourcesOf,
} from "./masquerade-rules.ts";

const allFamilies: readonly Family[] = [4, 6];

/** Masquerades what these addresses send beyond their own networks. Throws CniError. */
export function addMasquerade(owner: ChainOwner, addresses: readonly IpPrefix[], undo: UndoStack): void {
  for (const family of allFamilies) {
    const ofFamily = addresses.filter(({ address }) => address.family === family);
    if (ofFamily.length === 0) continue;
    changeRules(family, "nat", (current) => planMasquerade(current, owner, ofFamily));
    undo.push(() => {
      const added = ofFamily.map(({ address }) => formatIp(address));
      changeRules(family, "nat", (current) =>
        planRemoval(current, owner, (source) => !added.includes(source)),
      );
    });
  }
}

/**
 * Removes the masquerade rules of a container on this network, those of the Go plugin included.
 *
 * @param remaining addresses that the container still has: on another interface of this network.
 * @param families in which there may be rules.
 * @throws CniError, the first cause, after all families were tried.
 */
export function removeMasquerade(
  owner: ChainOwner,
  remaining: readonly IpAddress[],
  families: readonly Family[],
): void {
  const staying = remaining.map(formatIp);
  runAll(
    families.map((family) => () => {
      const done = changeRulesIfAvailable(family, "nat", (current) =>
        planRemoval(current, owner, (source) => staying.includes(source)),
      );
      // Translated connections would go on with the address's next owner.
      forgetConnectionsOf(sourcesOf(done));
    }),
  );
}

/** Removes the masquerade rules of the network's containers that `isStale` names. Throws CniError. */
export function collectMasquerade(network: string, isStale: (containerId: string) => boolean): void {
  runAll(
    allFamilies.map((family) => () => {
      changeRulesIfAvailable(family, "nat", (current) => planCollection(current, network, isStale));
    }),
  );
}
