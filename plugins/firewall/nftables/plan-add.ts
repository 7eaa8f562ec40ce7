import { addChain } from "../../../shared/nftables/chain.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addElements, type Element } from "../../../shared/nftables/element.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import { addTable } from "../../../shared/nftables/table.ts";
import { completeTable, readTableState } from "../../../shared/nftables/table-definition.ts";
import { chainOfElement } from "./bridge-chain.ts";
import { portElement, portMap } from "./isolation-table.ts";
import { entriesOfTheRobbed, entryChanges, type Held, join, noneHeld } from "./owners.ts";
import { completeBridgeChain, planPolicy, planPorts } from "./plan-policy.ts";
import { planRelease } from "./release.ts";
import { addressElement, addressMaps, adminChain, firewallDefinition, ownerMap } from "./table.ts";
import type { Wanted } from "./wanted.ts";

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
    ...completeTable(firewallDefinition(), readTableState(nftables, firewallDefinition())),
    ...(bridge === undefined ? [] : completeBridgeChain(nftables, bridge)),
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
  return [addTable(firewallDefinition().table), addChain(adminChain)];
}

/** Which elements are not there yet, and which that are there stand in their place. */
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

/** Whether an element has the same owner and leads to the same chain. */
function isSameElement(a: Element, b: Element): boolean {
  return a.comment === b.comment && chainOfElement(a) === chainOfElement(b);
}
