import type { IpPrefix } from "../../../shared/ip/prefix.ts";
import { sameBytes } from "../../../shared/nftables/bytes.ts";
import { changeRuleset, type Nftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addElements, type Element } from "../../../shared/nftables/element.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import { deleteTable } from "../../../shared/nftables/table.ts";
import { completeTable, readTableState } from "../../../shared/nftables/table-definition.ts";
import type { PortmapConfig } from "../config.ts";
import { type Holders, portTaken } from "../holders.ts";
import { mappingsOf } from "../mappings.ts";
import type { PublishedPort } from "../published.ts";
import {
  allMaps,
  type MappingElements,
  mappingElements,
  mappingKey,
  type PlacedElement,
  publishedPort,
  sameElement,
  sourcesElements,
} from "./elements.ts";
import { hasFormerChains, planRenewal } from "./former-chains.ts";
import { planGoTakeover } from "./go-rules.ts";
import { holderOf } from "./holder.ts";
import { missingEntries } from "./owners.ts";
import { elementsOf, ofMap, planRemoval } from "./removal.ts";
import { mapsOf, tableDefinition, tableOf } from "./table.ts";
import { areSiblings, claimFinder, containerIn, outdatedClaims } from "./waiting.ts";

/** What an ADD changed, to be taken back. */
interface Published {
  readonly added: readonly PlacedElement[];
  /** Families whose tables were not there before. */
  readonly madeTables: readonly (4 | 6)[];
  /** What containers published that are gone, and does not lead anywhere any more. */
  readonly takenOver: readonly PublishedPort[];
}

/**
 * Publishes a container's ports for all its addresses, in one batch. Elements of containers that are gone make way;
 * a port that another network of the same container has is waited for.
 *
 * @throws CniError code 103 when a port is another container's; NftablesRefusal.
 */
export function publish(
  nftables: Nftables,
  config: PortmapConfig,
  containers: readonly IpPrefix[],
  comment: string,
  holders: Holders,
): Published {
  if (containers.some(({ address }) => hasFormerChains(nftables, config, address.family))) {
    changeRuleset(nftables, () => ({
      commands: containers.flatMap(({ address }) => planRenewal(nftables, config, address.family)),
    }));
  }
  return changeRuleset(nftables, () => {
    const plans = containers.map((container) => planFamily(nftables, config, container, comment, holders));
    return {
      commands: plans.flatMap(({ commands }) => commands),
      added: plans.flatMap(({ added }) => added),
      madeTables: plans.flatMap(({ madeTable }) => madeTable),
      takenOver: plans.flatMap(({ takenOver }) => takenOver),
    };
  });
}

/**
 * Removes what keeps these ports from being published by other means: elements of containers that are gone, and
 * those that the owner itself has got in the past.
 *
 * @returns what they published.
 * @throws CniError code 103 when a port is another container's; NftablesRefusal.
 */
export function clearPorts(
  nftables: Nftables,
  config: PortmapConfig,
  containers: readonly IpPrefix[],
  comment: string,
  holders: Holders,
): PublishedPort[] {
  const done = changeRuleset(nftables, () => {
    const plans = containers.map((container) => {
      const { family } = container.address;
      const mappings = mappingElements(config, container, comment);
      const ofGo = takeoverOfGo(nftables, config, container, comment, holders);
      const hasTable = nftables.getTable(tableOf(family)) !== undefined;
      const dead = hasTable ? deadElements(nftables, mappings, container, comment, holders) : [];
      const own = hasTable ? elementsOf(nftables, family, comment) : [];
      return {
        commands: [...ofGo.commands, ...planRemoval(nftables, family, [...dead, ...own])],
        takenOver: [...ofGo.takenOver, ...portsOf([...dead, ...own])],
      };
    });
    return {
      commands: plans.flatMap(({ commands }) => commands),
      takenOver: plans.flatMap(({ takenOver }) => takenOver),
    };
  });
  return done.takenOver;
}

/** Takes back what an ADD has done, but nothing that somebody else has begun to use since. */
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
      return planRemoval(nftables, family, present);
    }),
  }));
}

interface FamilyPlan {
  readonly commands: readonly Command[];
  readonly added: readonly PlacedElement[];
  readonly madeTable: readonly (4 | 6)[];
  readonly takenOver: readonly PublishedPort[];
}

function planFamily(
  nftables: Nftables,
  config: PortmapConfig,
  container: IpPrefix,
  comment: string,
  holders: Holders,
): FamilyPlan {
  const { family } = container.address;
  const definition = tableDefinition(config, container);
  const state = readTableState(nftables, definition);
  const mappings = mappingElements(config, container, comment);
  const sources = sourcesElements(config, container, comment);
  const replaced = state.exists ? deadElements(nftables, mappings, container, comment, holders) : [];
  const ofGo = takeoverOfGo(nftables, config, container, comment, holders);
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
  const outdated = outdatedClaims(nftables, family, comment, claims, wanted);
  const addedElements = wanted.filter(({ map, element }) => {
    if (!state.exists || isReplaced({ map, element })) return true;
    const present = nftables.getElement(map, element);
    if (present === undefined) return true;
    if (sameElement(present, element)) return false;
    outdated.push({ map, element: present });
    return true;
  });
  const added = [...addedElements, ...missingEntries(nftables, family, comment, wanted)];
  const kept = new Set(definition.chains.map(({ name }) => name));
  return {
    commands: [
      ...ofGo.commands,
      ...completeTable(definition, state),
      ...planRemoval(nftables, family, [...replaced, ...outdated], kept, added),
      ...allMaps(family).flatMap((map) => addElements(map, ofMap(added, map))),
    ],
    added,
    madeTable: state.exists ? [] : [family],
    takenOver: [...ofGo.takenOver, ...portsOf(replaced)],
  };
}

function takeoverOfGo(
  nftables: Nftables,
  { mappings }: PortmapConfig,
  container: IpPrefix,
  comment: string,
  holders: Holders,
) {
  const wanted = mappingsOf(mappings, container.address.family);
  return planGoTakeover(nftables, wanted, container, containerIn(comment), holders);
}

function commentAt(nftables: Nftables, { map, element }: PlacedElement): string | undefined {
  return nftables.getElement(map, element)?.comment;
}

/**
 * The elements of containers that are gone, but hold one of the ports.
 *
 * @throws CniError code 103 when a holder is not known to be gone.
 */
function deadElements(
  nftables: Nftables,
  mappings: readonly MappingElements[],
  { address: { family } }: IpPrefix,
  comment: string,
  holders: Holders,
): PlacedElement[] {
  const overlapping = overlaps(nftables, family);
  const held = mappings.flatMap((wanted) =>
    overlapping(wanted)
      .filter(({ element }) => element.comment !== comment && !areSiblings(element.comment, comment))
      .map((placed) => ({
        ...{ mapping: wanted.mapping, owner: placed.element.comment },
        holder: holderOf(placed.element.comment, publishedPort(placed)?.container),
      })),
  );
  const isGone = holders.verdicts(held.map(({ holder }) => holder));
  for (const { mapping, holder } of held) if (!isGone(holder)) throw portTaken(mapping, holder);
  const gone = new Set(held.map(({ owner }) => owner ?? ""));
  return [...gone].flatMap((owner) => elementsOf(nftables, family, owner));
}

/** Finds what is published, or waited for, at the same port of the same address of the host, or of all of them. */
function overlaps(nftables: Nftables, family: 4 | 6) {
  const { addressTargets: map, portTargets } = mapsOf(family);
  const claimsOn = claimFinder(nftables, family);
  let ofAddresses: readonly Element[] | undefined;
  return ({ mapping, target, claim }: MappingElements): PlacedElement[] => {
    const port = mappingKey(mapping, undefined);
    const found = (where: NamedSet, key: Uint8Array): PlacedElement[] => {
      const element = nftables.getElement(where, { key });
      return element === undefined ? [] : [{ map: where, element }];
    };
    if (mapping.hostIp !== undefined) {
      return [...found(map, target.element.key), ...found(portTargets, port), ...claimsOn(claim)];
    }
    ofAddresses ??= nftables.listElements(map);
    const sharing = ofAddresses.filter(({ key }) => sameBytes(key.slice(-port.length), port));
    return [...found(portTargets, port), ...sharing.map((element) => ({ map, element })), ...claimsOn(claim)];
  };
}

function portsOf(elements: readonly PlacedElement[]): PublishedPort[] {
  return elements.map(publishedPort).filter((port) => port !== undefined);
}

function sameKey(a: Element, b: Element): boolean {
  return sameBytes(a.key, b.key);
}
