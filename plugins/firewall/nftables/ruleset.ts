import type { Attachment } from "../../../shared/cni/attachments.ts";
import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import { ownerComment, ownerCommentStart } from "../../../shared/cni/owner-comment.ts";
import { changeRuleset, hasNftables, type Nftables, openNftables } from "../../../shared/nftables/client.ts";
import type { Owner } from "../owner.ts";
import { isolationTable } from "./isolation-table.ts";
import { type Held, heldBy } from "./owners.ts";
import { planAdd } from "./plan-add.ts";
import { findLeaving, planRelease } from "./release.ts";
import { firewallTable } from "./table.ts";
import type { Wanted } from "./wanted.ts";

/** Makes what an attachment needs, in one change. Throws SystemError, or CniError when there is no nf_tables. */
export function addToRuleset(wanted: Wanted): void {
  try {
    const nftables = openNftables();
    changeRuleset(nftables, () => ({ commands: planAdd(nftables, wanted) }));
  } catch (error) {
    requireNftables();
    throw error;
  }
}

/**
 * Removes what belongs to an attachment, and says whether there was anything. Where nf_tables cannot be used nothing
 * can be there. Throws SystemError.
 */
export function removeFromRuleset(owner: Owner): boolean {
  const comment = ownerComment(owner);
  return remove(
    (nftables) => heldBy(nftables, comment) ?? findLeaving(nftables, comment, (found) => found === comment),
  );
}

/** Whether an attachment has its place in the tables. Throws SystemError. */
export function isInRuleset(owner: Owner): boolean {
  if (!hasNftables()) return false;
  const nftables = openNftables();
  return (
    nftables.getTable(firewallTable) !== undefined && heldBy(nftables, ownerComment(owner)) !== undefined
  );
}

/** Removes what belongs to attachments of a network that are not listed. Throws SystemError. */
export function collectInRuleset(network: string, valid: readonly Attachment[]): void {
  const live = new Set(valid.map((attachment) => ownerComment({ network, ...attachment })));
  remove((nftables) => findLeaving(nftables, ownerCommentStart(network), (comment) => !live.has(comment)));
}

/** Removes what belongs to owners who are gone. Throws SystemError. */
export function sweepRuleset(isGone: (comment: string) => boolean): void {
  remove((nftables) => findLeaving(nftables, "", isGone));
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
  return { commands: planRelease(nftables, leaving), isFound };
}

/** Throws CniError code 100 when the kernel has no nf_tables or this process may not use it. */
export function requireNftables(): void {
  if (hasNftables()) return;
  throw new CniError(
    ErrorCode.kernelRefused,
    'firewall backend "nftables" cannot be used: the kernel has no nf_tables, or this process may not change them',
    'nf_tables needs CONFIG_NF_TABLES with CONFIG_NF_TABLES_INET, and CAP_NET_ADMIN; "backend": "iptables" does without',
  );
}
