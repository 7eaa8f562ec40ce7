import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import { ownerComment } from "../../../shared/cni/owner-comment.ts";
import type { IpAddress, IpFamily } from "../../../shared/ip/address.ts";
import { deleteChain, flushChain } from "../../../shared/nftables/chain.ts";
import {
  changeRuleset,
  changeRulesetPrepared,
  hasNftables,
  type Nftables,
  openNftables,
} from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addElements, deleteElements } from "../../../shared/nftables/element.ts";
import { deleteTable } from "../../../shared/nftables/table.ts";
import type { PublishedPort } from "../mappings.ts";
import { forgetLeftConnections } from "../stale-connections.ts";
import { allMaps, chainOf, ofMap, type PlacedElement, publishedPort } from "./elements.ts";
import { planGoRemoval } from "./go-rules.ts";
import { isListed, listedElements } from "./owners.ts";
import { isTransient, tableOf } from "./table.ts";
import { planHandover } from "./waiting.ts";

/** Returns all elements of an owner. */
export function elementsOf(nftables: Nftables, family: IpFamily, owner: string): PlacedElement[] {
  return isListed(nftables, family)
    ? listedElements(nftables, family, owner)
    : findElements(nftables, family, owner, (comment) => comment === owner);
}

/** Returns a family's elements whose comment begins with a text and passes a test. Reads all maps. */
function findElements(
  nftables: Nftables,
  family: IpFamily,
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

/** What the same batch adds. */
interface Replacement {
  /** Chains that will have other users. */
  readonly keptChains?: ReadonlySet<string>;
  /** Elements in the place of removed ones. */
  readonly replacing?: readonly PlacedElement[];
}

/** Returns the commands that remove elements, and chains that only they led to. Ports go over to claims on them. */
export function planElementRemoval(
  nftables: Nftables,
  family: IpFamily,
  elements: readonly PlacedElement[],
  { keptChains = new Set(), replacing = [] }: Replacement = {},
): Command[] {
  const table = tableOf(family);
  const users = new Map<string, number>();
  for (const { element } of elements) {
    const chain = chainOf(element);
    if (chain !== undefined && isTransient(chain) && !keptChains.has(chain))
      users.set(chain, (users.get(chain) ?? 0) + 1);
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

const families = [4, 6] as const;

/**
 * Removes what this plugin or the Go plugin has made for an attachment in nf_tables. Does nothing if the kernel has none.
 *
 * @param addresses of the attachment, as far as they are known.
 * @returns whether a port was published.
 * @throws SystemError
 */
export function removeAttachment(attachment: AttachmentKey, addresses: readonly IpAddress[]): boolean {
  const owner = ownerComment(attachment);
  if (!hasNftables()) return false;
  const nftables = openNftables();
  return remove(
    nftables,
    (family) => elementsOf(nftables, family, owner),
    (family) => planGoRemoval(nftables, family, attachment.containerId, addresses),
  );
}

/**
 * Removes the elements of owners that are gone and whose comment begins with a text, and tables that are empty then. The Go
 * plugin's rules stay, since they do not tell the network.
 *
 * @throws SystemError
 */
export function removeGone(commentStart: string, isGone: (owner: string) => boolean): void {
  if (!hasNftables()) return;
  const nftables = openNftables();
  remove(
    nftables,
    (family) => findElements(nftables, family, commentStart, isGone),
    () => ({ commands: [], published: [] }),
  );
  changeRuleset(nftables, () => ({
    commands: families
      .filter((family) => nftables.getTable(tableOf(family)) !== undefined)
      .filter((family) => allMaps(family).every((map) => nftables.listElements(map).length === 0))
      .map((family) => deleteTable(tableOf(family))),
  }));
}

function remove(
  nftables: Nftables,
  find: (family: IpFamily) => readonly PlacedElement[],
  further: (family: IpFamily) => Removal,
): boolean {
  const plan = (): Removal => {
    const removals = families.map((family) => {
      const isThere = nftables.getTable(tableOf(family)) !== undefined;
      const elements = isThere ? find(family) : [];
      const ofGo = further(family);
      const ports = elements.map(publishedPort).filter((port) => port !== undefined);
      const commands = elements.length === 0 ? [] : planElementRemoval(nftables, family, elements);
      return { commands: [...commands, ...ofGo.commands], published: [...ports, ...ofGo.published] };
    });
    return {
      commands: removals.flatMap(({ commands }) => commands),
      published: removals.flatMap(({ published }) => published),
    };
  };
  // Before the elements, since only they name the ports: a DEL after one that was killed must find them.
  const done = changeRulesetPrepared(nftables, plan, ({ published }) => forgetLeftConnections(published));
  forgetLeftConnections(done.published);
  return done.published.length > 0;
}

/** A removal, and what is published until then. */
interface Removal {
  readonly commands: readonly Command[];
  readonly published: readonly PublishedPort[];
}
