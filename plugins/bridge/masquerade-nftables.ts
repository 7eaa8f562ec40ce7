import type { Attachment } from "../../shared/cni/attachments.ts";
import { ownerComment, ownerCommentStart } from "../../shared/cni/owner-comment.ts";
import type { UndoStack } from "../../shared/cni/undo-stack.ts";
import { forgetConnectionsOf } from "../../shared/conntrack/client.ts";
import { formatIp, type IpAddress, ipFromBytes } from "../../shared/ip/address.ts";
import type { IpPrefix } from "../../shared/ip/prefix.ts";
import { addChain, type ChainName, deleteChain, flushChain } from "../../shared/nftables/chain.ts";
import {
  changeRuleset,
  changeRulesetPrepared,
  hasNftables,
  type Nftables,
  openNftables,
} from "../../shared/nftables/client.ts";
import type { Command } from "../../shared/nftables/command.ts";
import { addElements, deleteElements, type Element } from "../../shared/nftables/element.ts";
import { addRule, deleteRule, type ListedRule } from "../../shared/nftables/rule.ts";
import { deleteTable } from "../../shared/nftables/table.ts";
import { completeTable, readTableState } from "../../shared/nftables/table-definition.ts";
import {
  isSubnetChain,
  masqueradeDefinition,
  masqueradeTable,
  sourceElement,
  sourceKey,
  sources,
  subnetChain,
  subnetRule,
} from "./masquerade-table.ts";
import type { Owner } from "./owner.ts";
import { peerChain, peerCommentStart, peerNetworkStart } from "./peer-masquerade.ts";

/** Masquerades what these addresses send beyond their own networks. Throws SystemError. */
export function addElementsOf(owner: Owner, addresses: readonly IpPrefix[], undo: UndoStack): void {
  const comment = ownerComment(owner);
  const nftables = openNftables();
  changeRuleset(nftables, () => ({ commands: planAdd(nftables, comment, addresses) }));
  undo.push(() => removeElementsOf(owner));
}

function planAdd(nftables: Nftables, comment: string, addresses: readonly IpPrefix[]): Command[] {
  const commands = completeTable(masqueradeDefinition(), readTableState(nftables, masqueradeDefinition()));
  const added = new Set<string>();
  for (const address of addresses) {
    const chain = subnetChain(address);
    if (!added.has(chain.name) && nftables.getChain(chain) === undefined) {
      commands.push(addChain(chain), addRule(chain, subnetRule(address)));
    }
    added.add(chain.name);
    const set = sources[address.address.family];
    const element = sourceElement(address, comment);
    // The address belongs to this container now: an element that is there was left by an owner who is gone.
    const old = nftables.getElement(set, element);
    if (old !== undefined) commands.push(...deleteElements(set, [old]));
    commands.push(...addElements(set, [element]));
  }
  return commands;
}

/** True when the address of an attachment has its element, or a rule of the Go plugin. Throws SystemError. */
export function hasElement(owner: Owner, address: IpAddress): boolean {
  if (!hasNftables()) return false;
  const nftables = openNftables();
  const element = nftables.getElement(sources[address.family], { key: sourceKey(address) });
  if (element?.comment === ownerComment(owner)) return true;
  return nftables.findRules(peerChain.table, peerChain.name, peerCommentStart(owner)).length > 0;
}

/** Removes what masquerades an attachment, the Go plugin's rules included. Throws SystemError. */
export function removeElementsOf(owner: Owner): void {
  const comment = ownerComment(owner);
  removeWhere({
    start: comment,
    isMeant: (element) => element.comment === comment,
    peerStart: peerCommentStart(owner),
    isPeerMeant: () => true,
  });
}

/** Removes what masquerades attachments of a network that are not listed. Throws SystemError. */
export function collectElements(network: string, valid: readonly Attachment[]): void {
  const live = new Set(valid.map((attachment) => ownerComment({ network, ...attachment })));
  const livePeers = valid.map((attachment) => peerCommentStart({ network, ...attachment }));
  removeWhere({
    start: ownerCommentStart(network),
    isMeant: ({ comment = "" }) => !live.has(comment),
    peerStart: peerNetworkStart(network),
    isPeerMeant: ({ comment = "" }) => !livePeers.some((start) => comment.startsWith(start)),
  });
}

/** Removes our own elements of owners who are gone. Their addresses may be others' by now, who keep their connections. */
export function sweepElements(isGone: (comment: string) => boolean): void {
  removeWhere({
    start: "",
    isMeant: ({ comment = "" }) => isGone(comment),
    peerStart: "",
    isPeerMeant: () => false,
    keepsConnections: true,
  });
}

interface Selection {
  /** How the comments of our elements begin. */
  readonly start: string;
  readonly isMeant: (element: Element) => boolean;
  /** How the comments of the Go plugin's rules begin. */
  readonly peerStart: string;
  readonly isPeerMeant: (rule: ListedRule) => boolean;
  /** Default: tracked connections of the addresses are forgotten. */
  readonly keepsConnections?: true;
}

function removeWhere(selection: Selection): void {
  if (!hasNftables()) return;
  const nftables = openNftables();
  const tables = [masqueradeTable, peerChain.table];
  if (!tables.some((table) => nftables.getTable(table) !== undefined)) return;
  // Translated connections would go on with the address's next owner. When only they are left nothing tells of them:
  // a call that is killed in between must find the elements, so they are forgotten before as well.
  const forget = ({ released }: Removal) => {
    if (selection.keepsConnections !== true) forgetConnectionsOf(released);
  };
  forget(changeRulesetPrepared(nftables, () => planRemoval(nftables, selection), forget));
}

interface Removal {
  readonly commands: readonly Command[];
  /** Addresses that are no longer masqueraded by our table. */
  readonly released: readonly IpAddress[];
}

function planRemoval(nftables: Nftables, selection: Selection): Removal {
  const peers = nftables
    .findRules(peerChain.table, peerChain.name, selection.peerStart)
    .filter(selection.isPeerMeant);
  const peerCommands = peers.map(deleteRule);
  if (nftables.getTable(masqueradeTable) === undefined) return { commands: peerCommands, released: [] };
  const released = new Map<string, IpAddress>();
  const commands: Command[] = [];
  const leaving = new Map<string, number>();
  for (const set of [sources[4], sources[6]]) {
    const elements = nftables.findElements(set, selection.start).filter(selection.isMeant);
    commands.push(...deleteElements(set, elements));
    for (const { key, data } of elements) {
      const chain =
        data !== undefined && "verdict" in data && "chain" in data.verdict ? data.verdict.chain : "";
      leaving.set(chain, (leaving.get(chain) ?? 0) + 1);
      const address = ipFromBytes(key);
      if (address !== undefined) released.set(formatIp(address), address);
    }
  }
  const unused = unusedChains(nftables, leaving);
  // With the last container goes the table.
  const isLast = unused.length > 0 && unused.length === subnetChains(nftables);
  const chainCommands = unused.flatMap((chain) => [flushChain(chain), deleteChain(chain)]);
  const ownCommands = isLast ? [deleteTable(masqueradeTable)] : [...commands, ...chainCommands];
  return { commands: [...peerCommands, ...ownCommands], released: [...released.values()] };
}

function subnetChains(nftables: Nftables): number {
  return nftables.listChains(masqueradeTable).filter(({ name }) => isSubnetChain(name)).length;
}

/** Subnets whose last container leaves. The kernel counts a chain's rules and what leads to it. */
function unusedChains(nftables: Nftables, leaving: ReadonlyMap<string, number>): ChainName[] {
  return [...leaving].flatMap(([name, count]) => {
    const chain = { table: masqueradeTable, name };
    if (!isSubnetChain(name)) return [];
    const uses = nftables.getChain(chain)?.uses;
    const rules = nftables.listRules(masqueradeTable, name).length;
    return uses !== undefined && uses === rules + count ? [chain] : [];
  });
}
