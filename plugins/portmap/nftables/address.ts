import type { Owner } from "../../../shared/cni/owner-alias.ts";
import { ownerComment } from "../../../shared/cni/owner-comment.ts";
import type { IpAddress } from "../../../shared/ip/address.ts";
import { changeRuleset, type Nftables } from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addressValue } from "../../../shared/nftables/data-type.ts";
import type { Holders } from "../holders.ts";
import type { PublishedPort } from "../published.ts";
import { publishedPort } from "./elements.ts";
import { planGoRemovalAt } from "./go-rules.ts";
import { holderOf } from "./holder.ts";
import { elementsOf, planRemoval } from "./removal.ts";
import { mapsOf } from "./table.ts";
import { areSiblings, claimsOnAddress } from "./waiting.ts";

/**
 * Removes everything of containers that are gone, but have published ports which lead to an address. Takes no lock where
 * there is none. Who has published there, `sources` and the claims on it tell; the Go plugin's rules are read.
 *
 * @param owner whose the address is now.
 * @returns what was published.
 * @throws NftablesRefusal
 */
export function clearAddress(
  nftables: Nftables,
  address: IpAddress,
  owner: Owner,
  holders: Holders,
): readonly PublishedPort[] {
  const plan = () => planClearing(nftables, address, owner, holders);
  if (holders.decide(plan).commands.length === 0) return [];
  return holders.decide(() => changeRuleset(nftables, plan)).takenOver;
}

interface Clearing {
  readonly commands: readonly Command[];
  readonly takenOver: readonly PublishedPort[];
}

function planClearing(nftables: Nftables, address: IpAddress, owner: Owner, holders: Holders): Clearing {
  const { family } = address;
  const own = ownerComment(owner);
  const first = nftables.getElement(mapsOf(family).sources, { key: addressValue(address) });
  const comments = [...(first === undefined ? [] : [first]), ...claimsOnAddress(nftables, address)]
    .map(({ comment }) => comment ?? own)
    .filter((comment) => comment !== own && !areSiblings(comment, own));
  const held = [...new Set(comments)].map((comment) => ({ comment, holder: holderOf(comment, address) }));
  const isGone = holders.verdicts(held.map(({ holder }) => holder));
  const elements = held
    .filter(({ holder }) => isGone(holder))
    .flatMap(({ comment }) => elementsOf(nftables, family, comment));
  const ofGo = planGoRemovalAt(nftables, address, owner.containerId, holders);
  const ports = elements.map(publishedPort).filter((port) => port !== undefined);
  return {
    commands: [...ofGo.commands, ...(elements.length === 0 ? [] : planRemoval(nftables, family, elements))],
    takenOver: [...ofGo.takenOver, ...ports],
  };
}
