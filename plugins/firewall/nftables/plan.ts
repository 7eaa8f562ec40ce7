import type { IpFamily } from "../../../shared/ip/address.ts";
import { sameBytes } from "../../../shared/nftables/bytes.ts";
import { addChain, type ChainName, flushChain } from "../../../shared/nftables/chain.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addElements, deleteElements, type Element } from "../../../shared/nftables/element.ts";
import { addRule, type Rule } from "../../../shared/nftables/rule.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import { addTable } from "../../../shared/nftables/table.ts";
import { completeTable, readTableState, sameRules } from "../../../shared/nftables/table-definition.ts";
import type { Admission } from "../attachment.ts";
import type { PortIsolation } from "../isolation.ts";
import type { VlanGateway } from "../vlan-gateways.ts";
import { chainOfElement } from "./bridge-chain.ts";
import {
  gatewayElement,
  gatewaySet,
  isolationDefinition,
  portChain,
  portChainRules,
  portElement,
  portMap,
} from "./isolation-table.ts";
import { planLeaving } from "./leaving.ts";
import { emptiedEntries, entryChanges, type Held, joinHeld, noneHeld } from "./owners.ts";
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

/** The commands that give the tables what an attachment needs. None when they have it. */
export function planAdmission(nftables: Nftables, wanted: Admission): Command[] {
  const { comment, isolation } = wanted;
  const bridge = isolation?.bridge;
  const elementsOf = (family: IpFamily): Element[] =>
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
  // Elements in the place of this attachment's were left by an owner who is gone.
  const taken: Held = {
    addresses: { 4: four.outdated, 6: six.outdated },
    ports: ports.outdated,
    entries: [],
  };
  const leaving = joinHeld(taken, former, { ...noneHeld, entries: emptiedEntries(nftables, taken, comment) });
  return [
    ...completeAdminChain(nftables),
    ...completeTable(firewallDefinition(), readTableState(nftables, firewallDefinition())),
    ...(bridge === undefined ? [] : completeBridgeChain(nftables, bridge)),
    ...planLeaving(nftables, { ...leaving, ports: [] }, bridge),
    ...addElements(addressMaps[4], four.missing),
    ...addElements(addressMaps[6], six.missing),
    ...addElements(ownerMap, entries),
    ...(isolation === undefined ? [] : planPolicy(nftables, isolation)),
    ...planPorts(nftables, isolation, ports.missing, leaving.ports),
  ];
}

/** The administrator's chain, empty. It is made before the rules that jump to it. */
function completeAdminChain(nftables: Nftables): Command[] {
  if (nftables.getChain(adminChain) !== undefined) return [];
  return [addTable(firewallDefinition().table), addChain(adminChain)];
}

/** The wanted elements that a set lacks, and the outdated elements that have their keys. */
export function changesOf(nftables: Nftables, set: NamedSet, wanted: readonly Element[]) {
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

/** True when both elements have the same owner and the same chain. */
function isSameElement(a: Element, b: Element): boolean {
  return a.comment === b.comment && chainOfElement(a) === chainOfElement(b);
}

/** The chain to which the addresses of a bridge's containers lead. */
function completeBridgeChain(nftables: Nftables, bridge: string): Command[] {
  return completeChain(nftables, bridgeChain(bridge), bridgeChainRules());
}

/** The commands that give a bridge this policy; the last ADD's policy counts. */
function planPolicy(nftables: Nftables, { policy, bridge }: PortIsolation): Command[] {
  const pair = sameBridgeElement(bridge);
  const isOpenWithin = nftables.getElement(sameBridgeSet, pair) !== undefined;
  const within = policy === "same-bridge";
  return [
    ...(nftables.getElement(bridgeSet, bridgeElement(bridge)) === undefined
      ? addElements(bridgeSet, [bridgeElement(bridge)])
      : []),
    ...(within && !isOpenWithin ? addElements(sameBridgeSet, [pair]) : []),
    ...(!within && isOpenWithin ? deleteElements(sameBridgeSet, [pair]) : []),
  ];
}

/** The commands that isolate the attachment's ports, if that is the policy, and no longer those that leave. */
export function planPorts(
  nftables: Nftables,
  isolation: PortIsolation | undefined,
  missing: readonly Element[],
  leaving: readonly Element[],
): Command[] {
  const release = (kept?: string): Command[] => planLeaving(nftables, { ...noneHeld, ports: leaving }, kept);
  if (isolation === undefined) return release();
  const { policy, bridge, ports, gateways = [] } = isolation;
  const chain = portChain(bridge);
  if (policy !== "isolated") {
    // Ports that were isolated before are no longer.
    const isolates = nftables.listRules(chain.table, chain.name).length > 0;
    return [...(isolates ? [flushChain(chain)] : []), ...release()];
  }
  if (ports.length === 0) return release();
  return [
    ...completeTable(isolationDefinition(), readTableState(nftables, isolationDefinition())),
    ...completeChain(nftables, chain, portChainRules()),
    ...release(bridge),
    ...addElements(portMap, missing),
    ...planGateways(nftables, gateways),
  ];
}

/** The commands that let isolated ports reach the gateways; one that was created anew has another port than before. */
function planGateways(nftables: Nftables, gateways: readonly VlanGateway[]): Command[] {
  if (gateways.length === 0) return [];
  const present = nftables.findElements(gatewaySet, "");
  const wanted = gateways.map(gatewayElement);
  const isIn = (elements: readonly Element[], one: Element): boolean =>
    elements.some((other) => other.comment === one.comment && sameBytes(other.key, one.key));
  const former = present.filter(
    (element) => gateways.some(({ name }) => name === element.comment) && !isIn(wanted, element),
  );
  const missing = wanted.filter((element) => !isIn(present, element));
  return [...deleteElements(gatewaySet, former), ...addElements(gatewaySet, missing)];
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
