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
  const four = changesOf(nftables, addressMaps[4], elementsOf(4));
  const six = changesOf(nftables, addressMaps[6], elementsOf(6));
  return [
    ...completeAdminChain(nftables),
    ...completeTable(firewallDefinition, readTableState(nftables, firewallDefinition)),
    ...(bridge === undefined ? [] : completeChain(nftables, bridgeChain(bridge), bridgeChainRules)),
    // An address belongs to this container now: an element that is there was left by an owner who is gone.
    ...planRelease(nftables, { addresses: { 4: four.outdated, 6: six.outdated }, ports: [] }, bridge),
    ...addElements(addressMaps[4], four.missing),
    ...addElements(addressMaps[6], six.missing),
    ...(isolation === undefined
      ? []
      : [...planPolicy(nftables, isolation), ...planPorts(nftables, isolation, comment)]),
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

function planPorts(nftables: Nftables, { policy, bridge, ports }: BridgePolicy, comment: string): Command[] {
  const chain = portChain(bridge);
  if (policy !== "isolated") {
    // Ports that were isolated before are no longer.
    return nftables.listRules(chain.table, chain.name).length > 0 ? [flushChain(chain)] : [];
  }
  const wanted = ports.map((port) => portElement(port, bridge, comment));
  if (wanted.length === 0) return [];
  const { outdated, missing } = changesOf(nftables, portMap, wanted);
  return [
    ...completeTable(isolationDefinition, readTableState(nftables, isolationDefinition)),
    ...completeChain(nftables, chain, portChainRules),
    ...planRelease(nftables, { addresses: { 4: [], 6: [] }, ports: outdated }, bridge),
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
