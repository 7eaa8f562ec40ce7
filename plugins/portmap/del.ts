import type { Request } from "../../shared/cni/plugin.ts";
import { prevResultIfUsable } from "../../shared/cni/prev-result.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { changeRules, IptablesUnavailable } from "../../shared/iptables/client.ts";
import { chainMayExist, nftChainExists } from "../../shared/iptables/presence.ts";
import type { Ruleset } from "../../shared/iptables/ruleset.ts";
import { containerAddresses } from "./addresses.ts";
import { containerChain, legacyChain } from "./names.ts";
import { removeAttachment } from "./nftables/remove.ts";
import { planRemoval } from "./plan.ts";
import { type PublishedPort, publishedPorts } from "./published.ts";
import { forgetLeftConnections } from "./stale-connections.ts";

/**
 * DEL: removes the container's ports of both families from both backends, whatever ADD used. It needs neither mappings
 * nor a previous result, and is done when nothing is there.
 */
export function del(request: Request): void {
  const { network, containerId, ifname } = request;
  const previous = prevResultIfUsable(request);
  const known = previous === undefined ? {} : containerAddresses(previous, ifname);
  const addresses = Object.values(known).map(({ address }) => address);
  const chains = [containerChain(network, containerId), legacyChain(network, containerId)];
  runAll([
    () => removeRules(chains, () => chains, chains),
    () => removeAttachment({ network, containerId, ifname }, addresses),
  ]);
}

/**
 * Removes containers' chains from iptables, and the connections that still use them.
 *
 * @param signs where none of these chains is, there is nothing to remove.
 * @param chainsIn says which chains of a table are meant.
 * @param own chains that have to go: where one is there, missing programs are a failure.
 * @throws CniError
 */
export function removeRules(
  signs: readonly string[],
  chainsIn: (current: Ruleset) => readonly string[],
  own: readonly string[] = [],
): void {
  runAll(
    ([4, 6] as const).map((family) => () => {
      if (!signs.some((chain) => chainMayExist(family, "nat", chain))) return;
      let published: PublishedPort[] = [];
      const plan = (current: Ruleset) => {
        const chains = chainsIn(current);
        published = publishedPorts(current, chains);
        return planRemoval(current, chains);
      };
      try {
        changeRules(family, "nat", plan);
      } catch (error) {
        if (!(error instanceof IptablesUnavailable)) throw error;
        // The programs were removed, but not what they have made.
        if (own.some((chain) => nftChainExists(family, "nat", chain) === true)) throw error;
      }
      forgetLeftConnections(family, published);
    }),
  );
}
