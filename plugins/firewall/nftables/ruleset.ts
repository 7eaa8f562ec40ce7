import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import type { Attachment } from "../../../shared/cni/attachments.ts";
import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import { ownerComment, ownerCommentStart } from "../../../shared/cni/owner-comment.ts";
import { changeRuleset, hasNftables, type Nftables, openNftables } from "../../../shared/nftables/client.ts";
import type { Admission } from "../attachment.ts";
import { isolationTable } from "./isolation-table.ts";
import { findHeld, planLeaving } from "./leaving.ts";
import { type Held, heldBy } from "./owners.ts";
import { planAdmission } from "./plan.ts";
import { firewallTable } from "./table.ts";

/** Adds what an attachment needs, in one change. Throws SystemError, or CniError code 100 when there is no nf_tables. */
export function addToRuleset(wanted: Admission): void {
  try {
    const nftables = openNftables();
    changeRuleset(nftables, () => ({ commands: planAdmission(nftables, wanted) }));
  } catch (error) {
    requireUsableNftables();
    throw error;
  }
}

/** Removes the elements of an attachment. Returns false when it had none, or nf_tables cannot be used. Throws SystemError. */
export function removeFromRuleset(owner: AttachmentKey): boolean {
  const comment = ownerComment(owner);
  return remove(
    (nftables) => heldBy(nftables, comment) ?? findHeld(nftables, comment, (found) => found === comment),
  );
}

/** True when an attachment has elements in the tables. Throws SystemError. */
export function isInRuleset(owner: AttachmentKey): boolean {
  if (!hasNftables()) return false;
  const nftables = openNftables();
  return (
    nftables.getTable(firewallTable) !== undefined && heldBy(nftables, ownerComment(owner)) !== undefined
  );
}

/** Removes the elements of a network's attachments that are not listed. Throws SystemError. */
export function collectInRuleset(network: string, valid: readonly Attachment[]): void {
  const live = new Set(valid.map((attachment) => ownerComment({ network, ...attachment })));
  remove((nftables) => findHeld(nftables, ownerCommentStart(network), (comment) => !live.has(comment)));
}

/** Removes the elements of owners who are gone. Throws SystemError. */
export function sweepRuleset(isGone: (comment: string) => boolean): void {
  remove((nftables) => findHeld(nftables, "", isGone));
}

function remove(find: (nftables: Nftables) => Held): boolean {
  try {
    const nftables = openNftables();
    const tables = [firewallTable, isolationTable];
    const hasTable = tables.some((table) => nftables.getTable(table) !== undefined);
    return hasTable && changeRuleset(nftables, () => planRemoval(nftables, find)).isFound;
  } catch (error) {
    if (hasNftables()) throw error;
    return false;
  }
}

function planRemoval(nftables: Nftables, find: (nftables: Nftables) => Held) {
  const leaving = find(nftables);
  const { addresses, ports, entries } = leaving;
  const isFound = [addresses[4], addresses[6], ports, entries].some((list) => list.length > 0);
  return { commands: planLeaving(nftables, leaving), isFound };
}

/** Throws CniError code 100 when the kernel has no nf_tables or this process may not use it. */
export function requireUsableNftables(): void {
  if (hasNftables()) return;
  throw new CniError(
    ErrorCode.kernelRefused,
    'firewall backend "nftables" cannot be used: the kernel has no nf_tables, or this process may not change them',
    'nf_tables needs CONFIG_NF_TABLES with CONFIG_NF_TABLES_INET, and CAP_NET_ADMIN; "backend": "iptables" does without',
  );
}
