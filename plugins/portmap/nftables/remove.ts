import type { Attachment } from "../../../shared/cni/attachments.ts";
import { ownerComment, ownerCommentStart } from "../../../shared/cni/owner-comment.ts";
import type { IpAddress } from "../../../shared/ip/address.ts";
import {
  changeRuleset,
  changeRulesetPrepared,
  hasNftables,
  type Nftables,
  openNftables,
} from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { deleteTable } from "../../../shared/nftables/table.ts";
import type { PublishedPort } from "../published.ts";
import { forgetLeftConnections } from "../stale-connections.ts";
import { allMaps, type PlacedElement, publishedPort } from "./elements.ts";
import { planGoRemoval } from "./go-rules.ts";
import { elementsOf, findElements, planRemoval } from "./removal.ts";
import { tableOf } from "./table.ts";

const families = [4, 6] as const;

type Owner = Attachment & { readonly network: string };

/**
 * Removes what an attachment has in the kernel's nf_tables, made by this plugin or the Go plugin. Does nothing where
 * the kernel has no nf_tables.
 *
 * @param addresses of the attachment, as far as they are known.
 * @returns whether a port was published.
 * @throws SystemError
 */
export function removeAttachment(owner: Owner, addresses: readonly IpAddress[]): boolean {
  const comment = ownerComment(owner);
  if (!hasNftables()) return false;
  const nftables = openNftables();
  return remove(
    nftables,
    (family) => elementsOf(nftables, family, comment),
    (family) => planGoRemoval(nftables, family, owner.containerId, addresses),
  );
}

/**
 * Removes what attachments of a network have that are not listed, and tables in which nothing is left. The Go
 * plugin's rules do not tell the network, and stay.
 *
 * @throws SystemError
 */
export function removeStale(network: string, valid: readonly Attachment[]): void {
  const kept = new Set(valid.map((attachment) => ownerComment({ ...attachment, network })));
  removeGone(ownerCommentStart(network), (owner) => !kept.has(owner));
}

/** The same of owners whose comment begins so and who are gone. Throws SystemError. */
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
  find: (family: 4 | 6) => readonly PlacedElement[],
  further: (family: 4 | 6) => Removal,
): boolean {
  const plan = (): Removal => {
    const removals = families.map((family) => {
      const isThere = nftables.getTable(tableOf(family)) !== undefined;
      const elements = isThere ? find(family) : [];
      const ofGo = further(family);
      const ports = elements.map(publishedPort).filter((port) => port !== undefined);
      const commands = elements.length === 0 ? [] : planRemoval(nftables, family, elements);
      return { commands: [...commands, ...ofGo.commands], published: [...ports, ...ofGo.published] };
    });
    return {
      commands: removals.flatMap(({ commands }) => commands),
      published: removals.flatMap(({ published }) => published),
    };
  };
  // When only connections are left nothing tells of them: a call that is killed in between must find the elements.
  const done = changeRulesetPrepared(nftables, plan, ({ published }) => forget(published));
  forget(done.published);
  return done.published.length > 0;
}

/** What is to be done, and what is published until then. */
interface Removal {
  readonly commands: readonly Command[];
  readonly published: readonly PublishedPort[];
}

function forget(published: readonly PublishedPort[]): void {
  for (const family of families) {
    forgetLeftConnections(
      family,
      published.filter(({ container }) => container.family === family),
    );
  }
}
