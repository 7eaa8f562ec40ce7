import { lazy } from "../../../shared/basics/lazy.ts";
import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import { ownerComment, ownerCommentStart } from "../../../shared/cni/owner-comment.ts";
import type { IpAddress, IpFamily } from "../../../shared/ip/address.ts";
import { sameBytes } from "../../../shared/nftables/bytes.ts";
import { changeRuleset, type Nftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addressValue } from "../../../shared/nftables/data-type.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import type { Holder } from "../holders/gone.ts";
import { type KnownHolders, portTaken } from "../holders/holders.ts";
import type { PublishedPort } from "../mappings.ts";
import type { Publication } from "../publication.ts";
import {
  type MappingElements,
  mappingKey,
  type PlacedElement,
  portsOfElements,
  publishedPort,
} from "./elements.ts";
import { planGoRemovalAt } from "./go-rules.ts";
import { elementsOf, planElementRemoval } from "./removal.ts";
import { mapsOf } from "./table.ts";
import { areSiblings, claimFinder, claimsOnAddress } from "./waiting.ts";

/**
 * Returns the elements of containers that are gone, but hold one of the ports.
 *
 * @throws CniError code 103 when a holder is not known to be gone.
 */
export function deadElements(
  nftables: Nftables,
  { attachment, family }: Publication,
  mappings: readonly MappingElements[],
  holders: KnownHolders,
): PlacedElement[] {
  const comment = ownerComment(attachment);
  const overlapping = overlapFinder(nftables, family);
  const held = mappings.flatMap((wanted) =>
    overlapping(wanted)
      .filter(({ element }) => element.comment !== comment && !areSiblings(element.comment, comment))
      .map((placed) => ({
        ...{ mapping: wanted.mapping, owner: placed.element.comment },
        holder: elementHolder(placed.element.comment, publishedPort(placed)?.container),
      })),
  );
  const isGone = holders.verdicts(held.map(({ holder }) => holder));
  for (const { mapping, holder } of held) if (!isGone(holder)) throw portTaken(mapping, holder);
  const gone = new Set(held.map(({ owner }) => owner ?? ""));
  return [...gone].flatMap((owner) => elementsOf(nftables, family, owner));
}

/**
 * Returns a function that finds elements and claims at a mapping's port, with the same host address or where either side
 * is for all addresses.
 */
function overlapFinder(nftables: Nftables, family: IpFamily) {
  const { addressTargets: map, portTargets } = mapsOf(family);
  const claimsOn = claimFinder(nftables, family);
  const ofAddresses = lazy(() => nftables.listElements(map));
  return ({ mapping, target, claim }: MappingElements): PlacedElement[] => {
    const port = mappingKey(mapping, undefined);
    const found = (where: NamedSet, key: Uint8Array): PlacedElement[] => {
      const element = nftables.getElement(where, { key });
      return element === undefined ? [] : [{ map: where, element }];
    };
    if (mapping.hostIp !== undefined) {
      return [...found(map, target.element.key), ...found(portTargets, port), ...claimsOn(claim)];
    }
    const sharing = ofAddresses().filter(({ key }) => sameBytes(key.slice(-port.length), port));
    return [...found(portTargets, port), ...sharing.map((element) => ({ map, element })), ...claimsOn(claim)];
  };
}

/**
 * Removes everything of containers that are gone, but have published ports that lead to an address. Ours are found by
 * `sources` and claims on the address, the Go plugin's by reading its rules. Takes no lock if there are none.
 *
 * @param attachment the one that has the address now.
 * @returns what was published.
 * @throws NftablesRefusal
 */
export function clearAddress(
  nftables: Nftables,
  address: IpAddress,
  attachment: AttachmentKey,
  holders: KnownHolders,
): readonly PublishedPort[] {
  const plan = () => planClearing(nftables, address, attachment, holders);
  if (holders.decide(plan).commands.length === 0) return [];
  return holders.decide(() => changeRuleset(nftables, plan)).takenOver;
}

interface Clearing {
  readonly commands: readonly Command[];
  readonly takenOver: readonly PublishedPort[];
}

function planClearing(
  nftables: Nftables,
  address: IpAddress,
  attachment: AttachmentKey,
  holders: KnownHolders,
): Clearing {
  const { family } = address;
  const own = ownerComment(attachment);
  const first = nftables.getElement(mapsOf(family).sources, { key: addressValue(address) });
  const comments = [...(first === undefined ? [] : [first]), ...claimsOnAddress(nftables, address)]
    .map(({ comment }) => comment ?? own)
    .filter((comment) => comment !== own && !areSiblings(comment, own));
  const held = [...new Set(comments)].map((comment) => ({
    comment,
    holder: elementHolder(comment, address),
  }));
  const isGone = holders.verdicts(held.map(({ holder }) => holder));
  const elements = held
    .filter(({ holder }) => isGone(holder))
    .flatMap(({ comment }) => elementsOf(nftables, family, comment));
  const ofGo = planGoRemovalAt(nftables, address, attachment.containerId, holders);
  return {
    commands: [
      ...ofGo.commands,
      ...(elements.length === 0 ? [] : planElementRemoval(nftables, family, elements)),
    ],
    takenOver: [...ofGo.takenOver, ...portsOfElements(elements)],
  };
}

/** Returns the holder that the comment of an element names. */
function elementHolder(comment: string | undefined, address: IpAddress | undefined): Holder {
  return {
    words: ownerInWords(comment),
    address,
    isOf: (network) => comment?.startsWith(ownerCommentStart(network)) === true,
    is: (attachment) => ownerComment(attachment) === comment,
  };
}

/** Returns an owner's comment in words; a comment that was cut stays as it is. */
function ownerInWords(comment: string | undefined): string | undefined {
  const [network, container, ifname, more] = (comment ?? "").split("/");
  if (ifname === undefined || more !== undefined) return comment;
  return `container ${container} (${ifname}) of network ${network}`;
}
