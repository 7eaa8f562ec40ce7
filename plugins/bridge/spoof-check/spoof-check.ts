import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import type { Attachment } from "../../../shared/cni/attachments.ts";
import { ownerComment, ownerCommentStart } from "../../../shared/cni/owner-comment.ts";
import type { UndoStack } from "../../../shared/cni/undo-stack.ts";
import {
  changeRuleset,
  hasNftables,
  type Nftables,
  openNftables,
  removeFromTables,
} from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addElements, deleteElements, type Element } from "../../../shared/nftables/element.ts";
import { deleteTable } from "../../../shared/nftables/table.ts";
import { completeTable, readTableState } from "../../../shared/nftables/table-definition.ts";
import { requireMac } from "../../../shared/rtnetlink/link.ts";
import { goCheckCommands, goCheckTable, hasGoCheck } from "./go-spoof-check.ts";
import {
  checkChain,
  guardedElement,
  guardedPorts,
  senderElement,
  senders,
  spoofCheckDefinition,
  spoofCheckTable,
} from "./table.ts";

/** Drops the frames from a port that have another source MAC than this. Throws SystemError. */
export function addSpoofCheck(key: AttachmentKey, port: string, mac: string, undo: UndoStack): void {
  const comment = ownerComment(key);
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
  undo.push(() => removeSpoofCheck(key));
}

/**
 * The plugin whose rules check the source MAC of an attachment's port; undefined when nothing checks it. The Go
 * plugin's rules look at the Ethernet header only. Throws SystemError.
 */
export function spoofChecker(key: AttachmentKey, port: string, mac: string): "ours" | "Go" | undefined {
  if (!hasNftables()) return undefined;
  const nftables = openNftables();
  const comment = ownerComment(key);
  const isGuarded = nftables.getElement(guardedPorts, guardedElement(port, comment)) !== undefined;
  const sender = senderElement(port, requireMac(mac), comment);
  if (isGuarded && nftables.getElement(senders, sender) !== undefined) return "ours";
  return hasGoCheck(nftables, key) ? "Go" : undefined;
}

/** Removes the check of an attachment, ours or the Go plugin's. Throws SystemError. */
export function removeSpoofCheck(key: AttachmentKey): void {
  const comment = ownerComment(key);
  removeFromTables([spoofCheckTable, goCheckTable], (nftables) => ({
    commands: [
      ...goCheckCommands(nftables, key),
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

/** Removes our own checks of attachments that are gone. Throws SystemError. */
export function sweepSpoofChecks(isGone: (comment: string) => boolean): void {
  removeFromTables([spoofCheckTable], (nftables) => ({
    commands: planRemoval(nftables, ({ comment = "" }) => isGone(comment), "", true),
  }));
}

/** @param withTable whether to remove the table together with its last port. */
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

/** The rules of the chain itself, which count as its uses. Their number depends on the version that made the table. */
function ownRules(nftables: Nftables): number {
  return nftables.listRules(spoofCheckTable, checkChain.name).length;
}
