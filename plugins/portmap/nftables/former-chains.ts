import type { IpFamily } from "../../../shared/ip/address.ts";
import { deleteChain, flushChain } from "../../../shared/nftables/chain.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addElements, deleteElements, type Element } from "../../../shared/nftables/element.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import {
  type ChainDefinition,
  completeTable,
  readTableState,
  type TableDefinition,
} from "../../../shared/nftables/table-definition.ts";
import type { PortmapConfig } from "../config.ts";
import { allMaps, chainOf, ofMap, type PlacedElement } from "./elements.ts";
import { type Sources, sourcesIn } from "./sources.ts";
import { formerChainsOf, leadingChain, mapsOf, tableComment, tableOf } from "./table.ts";

/*
 * Earlier versions had one chain for the containers of all networks, and it marked every connection: if somebody else
 * masquerades packets with this mark, clients were not seen with their own address. The next ADD with the same conditions
 * and mark bit moves the ports of all containers to the chains of their networks.
 */

/** Whether a family's table has such chains for this configuration. */
export function hasFormerChains(nftables: Nftables, config: PortmapConfig, family: IpFamily): boolean {
  const table = tableOf(family);
  return formerChainsOf(config, family).some((name) => nftables.getChain({ table, name }) !== undefined);
}

/**
 * Returns the commands that replace these chains by those of today. Ports stay as they are if their owner's network is not
 * known.
 */
export function planRenewal(nftables: Nftables, config: PortmapConfig, family: IpFamily): Command[] {
  const table = tableOf(family);
  const former = formerChainsOf(config, family).filter(
    (name) => nftables.getChain({ table, name }) !== undefined,
  );
  if (former.length === 0) return [];
  const sources = sourcesByOwner(nftables, family);
  const uses = new Map<string, number>();
  const definitions = new Map<string, ChainDefinition>();
  const removed: PlacedElement[] = [];
  const added: PlacedElement[] = [];
  for (const { map, element } of leadingElements(nftables, family)) {
    const chain = chainOf(element);
    const from = sources.get(element.comment ?? "");
    if (chain === undefined || !former.includes(chain) || from === undefined) continue;
    const definition = leadingChain(config, family, chain.startsWith("port_") ? "port" : "address", from);
    definitions.set(definition.name, definition);
    uses.set(chain, (uses.get(chain) ?? 0) + 1);
    removed.push({ map, element });
    const data = { verdict: { kind: "jump", chain: definition.name } } as const;
    added.push({ map, element: { ...element, data } });
  }
  const whole: TableDefinition = {
    table: { ...table, comment: tableComment },
    sets: [],
    chains: [...definitions.values()],
  };
  const unused = former.filter((name) => {
    const all = nftables.getChain({ table, name })?.uses;
    return all === (uses.get(name) ?? 0) + nftables.listRules(table, name).length;
  });
  return [
    ...completeTable(whole, readTableState(nftables, whole)),
    ...allMaps(family).flatMap((map) => deleteElements(map, ofMap(removed, map))),
    ...allMaps(family).flatMap((map) => addElements(map, ofMap(added, map))),
    ...unused.flatMap((name) => [flushChain({ table, name }), deleteChain({ table, name })]),
  ];
}

/** Returns whose connections are masqueraded, by owner, even if it only waits for its address. */
function sourcesByOwner(nftables: Nftables, family: IpFamily): Map<string, Sources> {
  const { sources, waiting } = mapsOf(family);
  return new Map(
    [sources, waiting]
      .flatMap((map) => listed(nftables, map))
      .flatMap((element) => {
        const from = sourcesIn(chainOf(element) ?? "");
        return from === undefined ? [] : [[element.comment ?? "", from] as const];
      }),
  );
}

/** Returns the elements, and claims, that lead through a chain to a container. */
function leadingElements(nftables: Nftables, family: IpFamily): PlacedElement[] {
  const { portChains, addressChains, waiting } = mapsOf(family);
  return [portChains, addressChains, waiting].flatMap((map) =>
    listed(nftables, map).map((element) => ({ map, element })),
  );
}

/** Returns the elements of a map; none if an earlier version's table has no such map. */
function listed(nftables: Nftables, map: NamedSet): readonly Element[] {
  return nftables.getSet(map) === undefined ? [] : nftables.listElements(map);
}
