import type { Attachment } from "../../shared/cni/attachments.ts";
import { ownerComment, ownerCommentStart } from "../../shared/cni/owner-comment.ts";
import type { UndoStack } from "../../shared/cni/undo-stack.ts";
import { type ChainName, deleteChain, flushChain } from "../../shared/nftables/chain.ts";
import {
  changeRuleset,
  hasNftables,
  type Nftables,
  openNftables,
  removeFromTables,
} from "../../shared/nftables/client.ts";
import type { Command } from "../../shared/nftables/command.ts";
import { addElements, deleteElements, type Element } from "../../shared/nftables/element.ts";
import { deleteRule, type ListedRule } from "../../shared/nftables/rule.ts";
import { deleteTable } from "../../shared/nftables/table.ts";
import { completeTable, readTableState } from "../../shared/nftables/table-definition.ts";
import { requireMac } from "../../shared/rtnetlink/link.ts";
import type { Owner } from "./owner.ts";
import {
  checkChain,
  guardedElement,
  guardedPorts,
  senderElement,
  senders,
  spoofCheckDefinition,
  spoofCheckTable,
} from "./spoof-check-table.ts";

/** Lets frames from a port pass only with this source MAC. Throws SystemError. */
export function addSpoofCheck(owner: Owner, port: string, mac: string, undo: UndoStack): void {
  const comment = ownerComment(owner);
  const guarded = guardedElement(port, comment);
  const sender = senderElement(port, requireMac(mac), comment);
  const nftables = openNftables();
  changeRuleset(nftables, () => ({
    commands: [
      ...completeTable(spoofCheckDefinition(), readTableState(nftables, spoofCheckDefinition())),
      // A port of this name that is gone by now may have left some.
      ...planRemoval(nftables, (element) => element.comment === comment, comment, false),
      ...addElements(guardedPorts, [guarded]),
      ...addElements(senders, [sender]),
    ],
  }));
  undo.push(() => removeSpoofCheck(owner));
}

/**
 * Whose rules check the source MAC of an attachment's port: the Go plugin's know no more than that. Undefined when
 * there are none. Throws SystemError.
 */
export function spoofChecker(owner: Owner, port: string, mac: string): "ours" | "Go" | undefined {
  if (!hasNftables()) return undefined;
  const nftables = openNftables();
  const comment = ownerComment(owner);
  const isGuarded = nftables.getElement(guardedPorts, guardedElement(port, comment)) !== undefined;
  const sender = senderElement(port, requireMac(mac), comment);
  if (isGuarded && nftables.getElement(senders, sender) !== undefined) return "ours";
  return peerJumps(nftables, owner).length > 0 ? "Go" : undefined;
}

/** Removes an attachment's check, also one that the Go plugin has made. Throws SystemError. */
export function removeSpoofCheck(owner: Owner): void {
  const comment = ownerComment(owner);
  removeFromTables([spoofCheckTable, peerTable], (nftables) => ({
    commands: [
      ...planPeerRemoval(nftables, owner),
      ...planRemoval(nftables, (element) => element.comment === comment, comment, true),
    ],
  }));
}

/** Removes the checks of attachments of a network that are not listed. Throws SystemError. */
export function collectSpoofChecks(network: string, valid: readonly Attachment[]): void {
  const live = new Set(valid.map((attachment) => ownerComment({ network, ...attachment })));
  const isStale = ({ comment = "" }: Element): boolean => !live.has(comment);
  removeFromTables([spoofCheckTable], (nftables) => ({
    commands: planRemoval(nftables, isStale, ownerCommentStart(network), true),
  }));
}

/** Removes our own checks of owners who are gone. Throws SystemError. */
export function sweepSpoofChecks(isGone: (comment: string) => boolean): void {
  removeFromTables([spoofCheckTable], (nftables) => ({
    commands: planRemoval(nftables, ({ comment = "" }) => isGone(comment), "", true),
  }));
}

/** @param withTable the table goes with its last port. */
function planRemoval(
  nftables: Nftables,
  isMeant: (element: Element) => boolean,
  commentStart: string,
  withTable: boolean,
): Command[] {
  const uses = nftables.getChain(checkChain)?.uses;
  if (uses === undefined) return [];
  const ports = nftables.findElements(guardedPorts, commentStart).filter(isMeant);
  if (withTable && ports.length > 0 && uses === ports.length + ownRules(nftables))
    return [deleteTable(spoofCheckTable)];
  const macs = nftables.findElements(senders, commentStart).filter(isMeant);
  return [...deleteElements(guardedPorts, ports), ...deleteElements(senders, macs)];
}

/** Also a chain's own rules count as its uses; earlier versions had fewer. */
function ownRules(nftables: Nftables): number {
  return nftables.listRules(spoofCheckTable, checkChain.name).length;
}

const peerTable = { family: "bridge", name: "nat" } as const;

function peerJumps(nftables: Nftables, { containerId, ifname }: Owner): ListedRule[] {
  const comment = `macspoofchk-${containerId}-${ifname}`;
  return nftables.findRules(peerTable, "PREROUTING", comment).filter((rule) => rule.comment === comment);
}

/** The Go plugin has two chains for each port; its comments and names hold no network. */
function planPeerRemoval(nftables: Nftables, owner: Owner): Command[] {
  const { containerId, ifname } = owner;
  const jumps = peerJumps(nftables, owner).map(deleteRule);
  const portChain: ChainName = { table: peerTable, name: `cni-br-iface-${containerId}-${ifname}` };
  const macChain: ChainName = { table: peerTable, name: `${portChain.name}-mac` };
  const chains = [portChain, macChain].filter((chain) => nftables.getChain(chain) !== undefined);
  // Both are emptied first: one leads to the other.
  return [...jumps, ...chains.map(flushChain), ...chains.map(deleteChain)];
}
