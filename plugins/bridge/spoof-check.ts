import type { Attachment } from "../../shared/cni/attachments.ts";
import { ownerComment, ownerCommentStart } from "../../shared/cni/owner-comment.ts";
import type { UndoStack } from "../../shared/cni/undo-stack.ts";
import { type ChainName, deleteChain, flushChain } from "../../shared/nftables/chain.ts";
import {
  changeRuleset,
  type Nftables,
  removeFromTables,
  withNftables,
} from "../../shared/nftables/client.ts";
import type { Command } from "../../shared/nftables/command.ts";
import { addElements, deleteElements, type Element } from "../../shared/nftables/element.ts";
import { deleteRule } from "../../shared/nftables/rule.ts";
import { deleteTable } from "../../shared/nftables/table.ts";
import { completeTable, readTableState } from "../../shared/nftables/table-definition.ts";
import { requireMac } from "../../shared/rtnetlink/link.ts";
import type { Owner } from "./owner.ts";
import {
  checkChain,
  checkRules,
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
  withNftables((nftables) =>
    changeRuleset(nftables, () => [
      ...completeTable(spoofCheckDefinition(), readTableState(nftables, spoofCheckDefinition())),
      // A port of this name that is gone by now may have left some.
      ...planRemoval(nftables, (element) => element.comment === comment, comment, false),
      ...addElements(guardedPorts, [guarded]),
      ...addElements(senders, [sender]),
    ]),
  );
  undo.push(() => removeSpoofCheck(owner));
}

/** Removes an attachment's check, also one that the Go plugin has made. Throws SystemError. */
export function removeSpoofCheck(owner: Owner): void {
  const comment = ownerComment(owner);
  removeFromTables([spoofCheckTable, peerTable], (nftables) => [
    ...planPeerRemoval(nftables, owner),
    ...planRemoval(nftables, (element) => element.comment === comment, comment, true),
  ]);
}

/** Removes the checks of attachments of a network that are not listed. Throws SystemError. */
export function collectSpoofChecks(network: string, valid: readonly Attachment[]): void {
  const live = new Set(valid.map((attachment) => ownerComment({ network, ...attachment })));
  const isStale = ({ comment = "" }: Element): boolean => !live.has(comment);
  removeFromTables([spoofCheckTable], (nftables) =>
    planRemoval(nftables, isStale, ownerCommentStart(network), true),
  );
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
  if (withTable && ports.length > 0 && uses === checkRules + ports.length)
    return [deleteTable(spoofCheckTable)];
  const macs = nftables.findElements(senders, commentStart).filter(isMeant);
  return [...deleteElements(guardedPorts, ports), ...deleteElements(senders, macs)];
}

const peerTable = { family: "bridge", name: "nat" } as const;

/** The Go plugin has two chains for each port; its comments and names hold no network. */
function planPeerRemoval(nftables: Nftables, { containerId, ifname }: Owner): Command[] {
  const comment = `macspoofchk-${containerId}-${ifname}`;
  const jumps = nftables
    .findRules(peerTable, "PREROUTING", comment)
    .filter((rule) => rule.comment === comment)
    .map(deleteRule);
  const portChain: ChainName = { table: peerTable, name: `cni-br-iface-${containerId}-${ifname}` };
  const macChain: ChainName = { table: peerTable, name: `${portChain.name}-mac` };
  const chains = [portChain, macChain].filter((chain) => nftables.getChain(chain) !== undefined);
  // Both are emptied first: one leads to the other.
  return [...jumps, ...chains.map(flushChain), ...chains.map(deleteChain)];
}
