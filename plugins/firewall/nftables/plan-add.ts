import { addChain, type ChainName, flushChain } from "../../../shared/nftables/chain.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addElements, deleteElements, type Element } from "../../../shared/nftables/element.ts";
import { addRule, type Rule } from "../../../shared/nftables/rule.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import { addTable } from "../../../shared/nftables/table.ts";
import { completeTable, readTableState, sameRules } from "../../../shared/nftables/table-definition.ts";
import { chainOfElement } from "./bridge-chain.ts";
import { isolationDefinition, portChain, portChainRules, portElement, portMap } from "./isolation-table.ts";
import { entriesOfTheRobbed, entryChanges, type Held, join, noneHeld } from "./owners.ts";
import { planRelease } from "./release.ts";
import {
  addressElement,
  addressMaps,
  adminChain,
  bridgeChain,
  bridgeChainRules,
  bridgeElement,
  bridgeSet,
  firewallDefinition,
  ownerMap,
  sameBridgeElement,
  sameBridgeSet,
} from "./table.ts";
import type { BridgePolicy, Wanted } from "./wanted.ts";

/** What has to be done so that the ruleset has what an attachment needs. Empty when everything is in place. */
export function planAdd(nftables: Nftables, wanted: Wanted): Command[] {
  const { comment, isolation } = wanted;
  const bridge = isolation?.bridge;
  const elementsOf = (family: 4 | 6): Element[] =>
    wanted.addresses
      .filter((address) => address.family === family)
      .map((address) => addressElement(address, bridge, comment));
  const isolated = isolation?.policy === "isolated" ? isolation : undefined;
  const four = changesOf(nftables, addressMaps[4], elementsOf(4));
  const six = changesOf(nftables, addressMaps[6], elementsOf(6));
  const ports = changesOf(
    nftables,
    portMap,
    isolated?.ports.map((port) => portElement(port, isolated.bridge, comment)) ?? [],
  );
  const { missing: entries, former } = entryChanges(nftables, wanted);
  // What is there in the place of something that this container has now was left by an owner who is gone.
  const taken: Held = {
    addresses: { 4: four.outdated, 6: six.outdated },
    ports: ports.outdated,
    entries: [],
  };
  const leaving = join(taken, former, { ...noneHeld, entries: entriesOfTheRobbed(nftables, taken, comment) });
  return [
    ...completeAdminChain(nftables),
    ...completeTable(firewallDefinition, readTableState(nftables, firewallDefinition)),
    ...(bridge === undefined ? [] : completeChain(nftables, bridgeChain(bridge), bridgeChainRules)),
    ...planRelease(nftables, { ...leaving, ports: [] }, bridge),
    ...addElements(addressMaps[4], four.missing),
    ...addElements(addressMaps[6], six.missing),
    ...addElements(ownerMap, entries),
    ...(isolation === undefined ? [] : planPolicy(nftables, isolation)),
    ...planPorts(nftables, isolation, ports.missing, leaving.ports),
  ];
}

/** Rules lead to it, so it is made before them. What is in it is the administrator's. */
function completeAdminChain(nftables: Nftables): Command[] {
  if (nftables.getChain(adminChain) !== undefined) return [];
  return [addTable(firewallDefinition.table), addChain(adminChain)];
}

function completeChain(nftables: Nftables, chain: ChainName, rules: readonly Rule[]): Command[] {
  const present = nftables.listRules(chain.table, chain.name);
  const isSame = sameRules(present, rules);
  return [
    ...(nftables.getChain(chain) === undefined ? [addChain(chain)] : []),
    ...(isSame || present.length === 0 ? [] : [flushChain(chain)]),
    ...(isSame ? [] : rules.map((rule) => addRule(chain, rule))),
  ];
}

/** The bridge's policy is that of the last ADD. */
function planPolicy(nftables: Nftables, { policy, bridge }: BridgePolicy): Command[] {
  const pair = sameBridgeElement(bridge);
  const isOpenWithin = nftables.getElement(sameBridgeSet, pair) !== undefined;
  const within = policy === "same-bridge";
  return [
    ...addElements(bridgeSet, changesOf(nftables, bridgeSet, [bridgeElement(bridge)]).missing),
    ...(within && !isOpenWithin ? addElements(sameBridgeSet, [pair]) : []),
    ...(!within && isOpenWithin ? deleteElements(sameBridgeSet, [pair]) : []),
  ];
}

function planPorts(
  nftables: Nftables,
  isolation: BridgePolicy | undefined,
  missing: readonly Element[],
  leaving: readonly Element[],
): Command[] {
  const release = (kept?: string): Command[] => planRelease(nftables, { ...noneHeld, ports: leaving }, kept);
  if (isolation === undefined) return release();
  const { policy, bridge, ports } = isolation;
  const chain = portChain(bridge);
  if (policy !== "isolated") {
    // Ports that were isolated before are no longer.
    const isolates = nftables.listRules(chain.table, chain.name).length > 0;
    return [...(isolates ? [flushChain(chain)] : []), ...release()];
  }
  if (ports.length === 0) return release();
  return [
    ...completeTable(isolationDefinition, readTableState(nftables, isolationDefinition)),
    ...completeChain(nftables, chain, portChainRules),
    ...release(bridge),
    ...addElements(portMap, missing),
  ];
}

/** Which elements are not there yet, and which that are there stand in their place. */
function changesOf(nftables: Nftables, set: NamedSet, wanted: readonly Element[]) {
  const outdated: Element[] = [];
  const missing: Element[] = [];
  for (const element of wanted) {
    const present = nftables.getElement(set, element);
    if (present !== undefined && isSameElement(present, element)) continue;
    if (present !== undefined) outdated.push(present);
    missing.push(element);
  }
  return { outdated, missing };
}

/** Whether an element has the same owner and leads to the same chain. */
function isSameElement(a: Element, b: Element): boolean {
  return a.comment === b.comment && chainOfElement(a) === chainOfElement(b);
}
