import { type ChainName, deleteChain, flushChain } from "../../../shared/nftables/chain.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { deleteElements, type Element } from "../../../shared/nftables/element.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import { deleteTable } from "../../../shared/nftables/table.ts";
import { isVlanGateway } from "../vlan-gateways.ts";
import { bridgeOfChain, chainOfElement } from "./bridge-chain.ts";
import { gatewaySet, isolationDefinition, isolationTable, portChain, portMap } from "./isolation-table.ts";
import type { Held } from "./owners.ts";
import {
  addressMaps,
  bridgeChain,
  bridgeElement,
  bridgeSet,
  ownerMap,
  sameBridgeElement,
  sameBridgeSet,
} from "./table.ts";

/** The elements of owners whose comment begins with `start` and fits. Reads all maps. */
export function findHeld(nftables: Nftables, start: string, fits: (comment: string) => boolean): Held {
  const find = (set: NamedSet): readonly Element[] =>
    nftables.findElements(set, start).filter(({ comment = "" }) => fits(comment));
  return {
    addresses: { 4: find(addressMaps[4]), 6: find(addressMaps[6]) },
    ports: find(portMap),
    entries: find(ownerMap),
  };
}

/**
 * The commands that remove elements, and the policies of bridges whose last container leaves. The administrator's chain
 * and the parts that all containers share stay.
 *
 * @param kept a bridge whose policy stays in any case.
 */
export function planLeaving(
  nftables: Nftables,
  { addresses, ports, entries }: Held,
  kept?: string,
): Command[] {
  const all = [...addresses[4], ...addresses[6]];
  return [
    ...deleteElements(ownerMap, entries),
    ...deleteElements(addressMaps[4], addresses[4]),
    ...deleteElements(addressMaps[6], addresses[6]),
    ...unusedBridges(nftables, bridgeChain, all, kept).flatMap((bridge) => removePolicy(nftables, bridge)),
    ...releasePorts(nftables, ports, kept),
  ];
}

function removePolicy(nftables: Nftables, bridge: string): Command[] {
  const present = (set: NamedSet, element: Element): Command[] =>
    nftables.getElement(set, element) === undefined ? [] : deleteElements(set, [element]);
  return [
    ...present(bridgeSet, bridgeElement(bridge)),
    ...present(sameBridgeSet, sameBridgeElement(bridge)),
    ...removeChain(bridgeChain(bridge)),
  ];
}

function releasePorts(nftables: Nftables, ports: readonly Element[], kept: string | undefined): Command[] {
  if (ports.length === 0) return [];
  const unused = unusedBridges(nftables, portChain, ports, kept);
  if (unused.length > 0 && kept === undefined && isAllOfTheTable(nftables, unused)) {
    return [deleteTable(isolationTable)];
  }
  return [
    ...deleteElements(portMap, ports),
    ...unused.flatMap((bridge) => removeChain(portChain(bridge))),
    ...releaseGateways(nftables, unused),
  ];
}

/** True when the table would be empty without these bridges. The kernel counts the chains, sets and maps in it. */
function isAllOfTheTable(nftables: Nftables, unused: readonly string[]): boolean {
  const { sets, chains } = isolationDefinition();
  // Earlier builds created fewer sets.
  const present = sets.filter(({ name }) => nftables.getSet({ table: isolationTable, name }) !== undefined);
  return nftables.getTable(isolationTable)?.uses === present.length + chains.length + unused.length;
}

/** The commands that remove the gateways of bridges without isolated ports. */
function releaseGateways(nftables: Nftables, bridges: readonly string[]): Command[] {
  if (bridges.length === 0) return [];
  const leaving = nftables
    .findElements(gatewaySet, "")
    .filter(({ comment = "" }) => bridges.some((bridge) => isVlanGateway(bridge, comment)));
  return deleteElements(gatewaySet, leaving);
}

function removeChain(chain: ChainName): Command[] {
  return [flushChain(chain), deleteChain(chain)];
}

/** The bridges whose chains only leaving elements refer to. The kernel counts the rules of a chain and its references. */
function unusedBridges(
  nftables: Nftables,
  chainOf: (bridge: string) => ChainName,
  leaving: readonly Element[],
  kept: string | undefined,
): string[] {
  const counts = new Map<string, number>();
  for (const element of leaving) {
    const bridge = bridgeOfChain(chainOfElement(element) ?? "");
    if (bridge !== undefined && bridge !== kept) counts.set(bridge, (counts.get(bridge) ?? 0) + 1);
  }
  return [...counts].flatMap(([bridge, count]) => {
    const chain = chainOf(bridge);
    const uses = nftables.getChain(chain)?.uses;
    const rules = nftables.listRules(chain.table, chain.name).length;
    return uses !== undefined && uses === rules + count ? [bridge] : [];
  });
}
