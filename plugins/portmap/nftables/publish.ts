import { ownerComment } from "../../../shared/cni/owner-comment.ts";
import type { IpFamily } from "../../../shared/ip/address.ts";
import { sameBytes } from "../../../shared/nftables/bytes.ts";
import { changeRuleset, type Nftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addElements, type Element } from "../../../shared/nftables/element.ts";
import { deleteTable } from "../../../shared/nftables/table.ts";
import { completeTable, readTableState } from "../../../shared/nftables/table-definition.ts";
import type { KnownHolders } from "../holders/holders.ts";
import type { PublishedPort } from "../mappings.ts";
import type { Publication } from "../publication.ts";
import {
  allMaps,
  type MappingElements,
  mappingElements,
  ofMap,
  type PlacedElement,
  portsOfElements,
  sameElement,
  sourcesElements,
} from "./elements.ts";
import { hasFormerChains, planRenewal } from "./former-chains.ts";
import { planGoTakeover } from "./go-rules.ts";
import { deadElements } from "./holders.ts";
import { missingEntries } from "./owners.ts";
import { elementsOf, planElementRemoval } from "./removal.ts";
import { tableDefinition, tableOf } from "./table.ts";
import { areSiblings, outdatedClaims } from "./waiting.ts";

/** What an ADD has changed, so that it can be taken back. */
interface Published {
  readonly added: readonly PlacedElement[];
  /** Families whose tables it has created. */
  readonly madeTables: readonly IpFamily[];
  /** Ports of containers that are gone, which lead there no longer. */
  readonly takenOver: readonly PublishedPort[];
}

/**
 * Publishes ports of all families in one batch. Elements of containers that are gone are replaced. For a port that another
 * network of the same container has, a claim is added.
 *
 * @throws CniError code 103 when a port is another container's; NftablesRefusal.
 */
export function publish(
  nftables: Nftables,
  publications: readonly Publication[],
  holders: KnownHolders,
): Published {
  if (publications.some(({ config, family }) => hasFormerChains(nftables, config, family))) {
    changeRuleset(nftables, () => ({
      commands: publications.flatMap(({ config, family }) => planRenewal(nftables, config, family)),
    }));
  }
  return changeRuleset(nftables, () => {
    const plans = publications.map((publication) => planFamily(nftables, publication, holders));
    return {
      commands: plans.flatMap(({ commands }) => commands),
      added: plans.flatMap(({ added }) => added),
      madeTables: plans.flatMap(({ madeTable }) => madeTable),
      takenOver: plans.flatMap(({ takenOver }) => takenOver),
    };
  });
}

/**
 * Removes what keeps ports from being published by iptables: elements of containers that are gone, and those of the owner's
 * own earlier ADD.
 *
 * @returns what they published.
 * @throws CniError code 103 when a port is another container's; NftablesRefusal.
 */
export function clearPorts(
  nftables: Nftables,
  publications: readonly Publication[],
  holders: KnownHolders,
): PublishedPort[] {
  const done = changeRuleset(nftables, () => {
    const plans = publications.map((publication) => {
      const { attachment, family } = publication;
      const mappings = mappingElements(publication);
      const ofGo = planGoTakeover(nftables, publication, holders);
      const hasTable = nftables.getTable(tableOf(family)) !== undefined;
      const dead = hasTable ? deadElements(nftables, publication, mappings, holders) : [];
      const own = hasTable ? elementsOf(nftables, family, ownerComment(attachment)) : [];
      return {
        commands: [...ofGo.commands, ...planElementRemoval(nftables, family, [...dead, ...own])],
        takenOver: [...ofGo.takenOver, ...portsOfElements([...dead, ...own])],
      };
    });
    return {
      commands: plans.flatMap(({ commands }) => commands),
      takenOver: plans.flatMap(({ takenOver }) => takenOver),
    };
  });
  return done.takenOver;
}

/** Takes back what an ADD has changed, without anything that somebody else uses by now. */
export function unpublish(nftables: Nftables, { added, madeTables }: Published): void {
  changeRuleset(nftables, () => ({
    commands: ([4, 6] as const).flatMap((family) => {
      const { name, family: tableFamily } = tableOf(family);
      const present = added.filter(({ map, element }) => {
        if (map.table.family !== tableFamily) return false;
        const found = nftables.getElement(map, element);
        return found !== undefined && sameElement(found, element);
      });
      const isLast = () =>
        nftables.getTable({ family: tableFamily, name }) !== undefined &&
        allMaps(family).every((map) => {
          const ours = present.filter((placed) => placed.map.name === map.name);
          return nftables.listElements(map).length === ours.length;
        });
      if (madeTables.includes(family) && isLast()) return [deleteTable({ family: tableFamily, name })];
      return planElementRemoval(nftables, family, present);
    }),
  }));
}

interface FamilyPlan {
  readonly commands: readonly Command[];
  readonly added: readonly PlacedElement[];
  readonly madeTable: readonly IpFamily[];
  readonly takenOver: readonly PublishedPort[];
}

function planFamily(nftables: Nftables, publication: Publication, holders: KnownHolders): FamilyPlan {
  const { attachment, config, family, container } = publication;
  const comment = ownerComment(attachment);
  const definition = tableDefinition(config, container);
  const state = readTableState(nftables, definition);
  const mappings = mappingElements(publication);
  const sources = sourcesElements(publication);
  const replaced = state.exists ? deadElements(nftables, publication, mappings, holders) : [];
  const ofGo = planGoTakeover(nftables, publication, holders);
  const isReplaced = ({ map, element }: PlacedElement) =>
    replaced.some((old) => old.map.name === map.name && sameKey(old.element, element));
  const waits = ({ target }: MappingElements) =>
    !isReplaced(target) && areSiblings(commentAt(nftables, target), comment);
  const hasAddress = isReplaced(sources.element) ? undefined : commentAt(nftables, sources.element);
  const wanted = [
    ...mappings.flatMap((mapping) => (waits(mapping) ? [mapping.claim] : [mapping.target, mapping.chain])),
    hasAddress === undefined || hasAddress === comment ? sources.element : sources.claim,
  ];
  const claims = [...mappings, sources].map(({ claim }) => claim);
  const outdated = outdatedClaims(nftables, publication, claims, wanted);
  const addedElements = wanted.filter(({ map, element }) => {
    if (!state.exists || isReplaced({ map, element })) return true;
    const present = nftables.getElement(map, element);
    if (present === undefined) return true;
    if (sameElement(present, element)) return false;
    outdated.push({ map, element: present });
    return true;
  });
  const added = [...addedElements, ...missingEntries(nftables, family, comment, wanted)];
  const keptChains = new Set(definition.chains.map(({ name }) => name));
  return {
    commands: [
      ...ofGo.commands,
      ...completeTable(definition, state),
      ...planElementRemoval(nftables, family, [...replaced, ...outdated], { keptChains, replacing: added }),
      ...allMaps(family).flatMap((map) => addElements(map, ofMap(added, map))),
    ],
    added,
    madeTable: state.exists ? [] : [family],
    takenOver: [...ofGo.takenOver, ...portsOfElements(replaced)],
  };
}

function commentAt(nftables: Nftables, { map, element }: PlacedElement): string | undefined {
  return nftables.getElement(map, element)?.comment;
}

function sameKey(a: Element, b: Element): boolean {
  return sameBytes(a.key, b.key);
}
