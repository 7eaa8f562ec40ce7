import type { Request } from "../../shared/cni/plugin.ts";
import { familiesToClean } from "../../shared/cni/prev-result.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { changeRulesIfAvailable } from "../../shared/iptables/client.ts";
import type { Ruleset } from "../../shared/iptables/ruleset.ts";
import { containerChain, legacyChain } from "./names.ts";
import { planRemoval } from "./plan.ts";
import { type PublishedPort, publishedPorts } from "./published.ts";
import { forgetLeftConnections } from "./stale-connections.ts";

/**
 * DEL: removes the container's rules of both families. It needs neither mappings nor a previous result, and is done
 * when nothing is there.
 */
export function del(request: Request): void {
  removeRules(familiesToClean(request), () => [
    containerChain(request.network, request.containerId),
    legacyChain(request.network, request.containerId),
  ]);
}

/**
 * Removes containers' chains, and the connections that still use them.
 *
 * @param chainsIn says which chains of a table are meant.
 */
export function removeRules(
  families: readonly (4 | 6)[],
  chainsIn: (current: Ruleset) => readonly string[],
): void {
  runAll(
    families.map((family) => () => {
      let published: PublishedPort[] = [];
      changeRulesIfAvailable(family, "nat", (current) => {
        const chains = chainsIn(current);
        published = publishedPorts(current, chains);
        return planRemoval(current, chains);
      });
      forgetLeftConnections(family, published);
    }),
  );
}
