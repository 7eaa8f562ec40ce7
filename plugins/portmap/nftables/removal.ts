import { deleteChain, flushChain } from "../../../shared/nftables/chain.ts";
import type { Nftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addElements, deleteElements, type Element } from "../../../shared/nftables/element.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import { allMaps, type PlacedElement } from "./elements.ts";
import { isListed, listedElements } from "./owners.ts";
import { isTransient, tableOf } from "./table.ts";
import { planHandover } from "./waiting.ts";

/** All elements of an owner. */
export function elementsOf(nftables: Nftables, family: 4 | 6, owner: string): PlacedElement[] {
  return isListed(nftables, family)
    ? listedElements(nftables, family, owner)
    : findElements(nftables, family, owner, (comment) => comment === owner);
}

/** The elements of a family whose comment begins with a text and fits. Reads all maps. */
export function findElements(
  nftables: Nftables,
  family: 4 | 6,
  commentStart: string,
  isMeant: (comment: string) => boolean,
): PlacedElement[] {
  return allMaps(family).flatMap((map) =>
    nftables
      .findElements(map, commentStart)
      .filter(({ comment }) => isMeant(comment ?? ""))
      .map((element) => ({ map, element })),
  );
}

/**
 * The commands that remove elements of a family, and the chains that only they led to. Ports go over to those who wait.
 *
 * @param kept chains that will have other users.
 * @param replacing elements that are added in the place of removed ones.
 */
export function planRemoval(
  nftables: Nftables,
  family: 4 | 6,
  elements: readonly PlacedElement[],
  kept: ReadonlySet<string> = new Set(),
  replacing: readonly PlacedElement[] = [],
): Command[] {
  const table = tableOf(family);
  const users = new Map<string, number>();
  for (const { element } of elements) {
    const { data } = element;
    if (data === undefined || !("verdict" in data) || !("chain" in data.verdict)) continue;
    const { chain } = data.verdict;
    if (isTransient(chain) && !kept.has(chain)) users.set(chain, (users.get(chain) ?? 0) + 1);
  }
  const unused = [...users].filter(([name, count]) => {
    const uses = nftables.getChain({ table, name })?.uses;
    return uses === count + nftables.listRules(table, name).length;
  });
  const { claims, added } = planHandover(nftables, family, elements, replacing);
  const removed = [...elements, ...claims];
  return [
    ...allMaps(family).flatMap((map) => deleteElements(map, ofMap(removed, map))),
    ...allMaps(family).flatMap((map) => addElements(map, ofMap(added, map))),
    ...unused.flatMap(([name]) => [flushChain({ table, name }), deleteChain({ table, name })]),
  ];
}

/** Those of some elements that are in a map. */
export function ofMap(elements: readonly PlacedElement[], { name }: NamedSet): Element[] {
  return elements.filter(({ map }) => map.name === name).map(({ element }) => element);
}
