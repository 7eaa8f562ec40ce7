import { lazy } from "../../shared/basics/lazy.ts";
import { ownerComment } from "../../shared/cni/owner-comment.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { prevResultIfUsable } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import { chainMayExist } from "../../shared/iptables/presence.ts";
import type { Ruleset } from "../../shared/iptables/ruleset.ts";
import { removeChains, startEarly } from "../../shared/iptables/transitional.ts";
import { containerAddresses } from "./addresses.ts";
import { decodeConfig } from "./config.ts";
import { publishedFamilies } from "./families.ts";
import { closeFor } from "./localhost-guard.ts";
import { mappingsOf } from "./mappings.ts";
import { containerChain, legacyChain } from "./names.ts";
import { removeAttachment } from "./nftables/remove.ts";
import { planExactRemoval, planRemoval } from "./plan.ts";
import { portsOfRules, publishedPorts } from "./published.ts";
import { type DesiredRules, desiredRules } from "./rules.ts";
import { datagramProtocols, forgetLeftConnections } from "./stale-connections.ts";

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
  const promised = lazy(() => promisedRules(request, previous));
  let isFound = false;
  runAll([
    () => {
      isFound = removeRules({
        ...{ signs: chains, chainsIn: () => chains, own: chains },
        promised: (family) => promised()[family],
      });
    },
    () => {
      isFound = removeAttachment({ network, containerId, ifname }, addresses) || isFound;
    },
    // Where rules were flushed, only the configuration tells of connections. They keep a service of the host deaf.
    () => {
      if (!isFound) forgetPromised(request, previous);
    },
    () => closeFor(ownerComment({ network, containerId, ifname })),
  ]);
}

/** Forgets datagrams' connections to the ports that an ADD with this configuration would have published. */
function forgetPromised(request: Request, previous: Result | undefined): void {
  for (const { family, address, mappings } of promisedPorts(request, previous)) {
    const ports = mappings.filter(({ protocol }) => datagramProtocols.has(protocol));
    forgetLeftConnections(
      family,
      ports.map((mapping) => ({ ...mapping, container: address.address })),
    );
  }
}

/** What DEL was told is wrong or not there: then nothing. */
function promisedPorts(request: Request, previous: Result | undefined) {
  if (previous === undefined) return [];
  try {
    const config = decodeConfig({ ...request, command: "CHECK" });
    return publishedFamilies(config, previous, request.ifname).map(({ family, address }) => ({
      ...{ family, address },
      mappings: mappingsOf(config.mappings, family),
    }));
  } catch {
    return [];
  }
}

/** The rules of each family that an ADD with this configuration would have made; none where that cannot be told. */
function promisedRules(
  request: Request,
  previous: Result | undefined,
): { 4?: DesiredRules; 6?: DesiredRules } {
  const rules: { 4?: DesiredRules; 6?: DesiredRules } = {};
  if (previous === undefined) return rules;
  try {
    const config = decodeConfig({ ...request, command: "CHECK" });
    for (const { family, address } of publishedFamilies(config, previous, request.ifname)) {
      rules[family] = desiredRules(request, config, address);
    }
  } catch {
    // DEL works with any configuration.
  }
  return rules;
}

/** Which containers' chains are to be removed. */
interface Removal {
  /** Where none of these chains is, there is nothing to remove. */
  readonly signs: readonly string[];
  /** Says which chains of a table are meant. */
  readonly chainsIn: (current: Ruleset) => readonly string[];
  /** Chains that have to go: where one is there and out of reach, that is a failure. */
  readonly own?: readonly string[];
  /** What is probably all that is there. */
  readonly promised?: (family: 4 | 6) => DesiredRules | undefined;
}

/**
 * Removes containers' chains from iptables, and the connections that still use them. Returns whether a port was
 * published. Throws CniError.
 */
export function removeRules({ signs, chainsIn, own = [], promised = () => undefined }: Removal): boolean {
  let isFound = false;
  runAll(
    ([4, 6] as const).map((family) => () => {
      const present = signs.filter((chain) => chainMayExist(family, "nat", chain));
      if (present.length === 0) return;
      // That it is there is only known where not all seems to be.
      if (present.length < signs.length) startEarly(family, "changing");
      const rules = promised(family);
      const isAll = rules !== undefined && present.every((chain) => chain === rules.chain);
      const guess = isAll ? planExactRemoval(rules) : undefined;
      let published = guess === undefined ? [] : portsOfRules(rules?.rules ?? []);
      // When only connections are left nothing tells of them: a call that is killed in between must find the rules.
      forgetLeftConnections(family, published);
      const plan = (current: Ruleset) => {
        const chains = chainsIn(current);
        published = publishedPorts(current, chains);
        forgetLeftConnections(family, published);
        return planRemoval(current, chains);
      };
      removeChains({ family, table: "nat", chains: own }, plan, { guess });
      forgetLeftConnections(family, published);
      if (published.length > 0) isFound = true;
    }),
  );
  return isFound;
}
