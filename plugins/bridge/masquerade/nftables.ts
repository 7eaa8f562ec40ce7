import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import { ownerComment, ownerCommentStart } from "../../../shared/cni/owner-comment.ts";
import { forgetConnectionsOf } from "../../../shared/conntrack/client.ts";
import { formatIp, type IpAddress, ipFromBytes } from "../../../shared/ip/address.ts";
import type { IpPrefix } from "../../../shared/ip/prefix.ts";
import { addChain, type ChainName, deleteChain, flushChain } from "../../../shared/nftables/chain.ts";
import {
  changeRuleset,
  changeRulesetPrepared,
  hasNftables,
  type Nftables,
  openNftables,
} from "../../../shared/nftables/client.ts";
import type { Command } from "../../../shared/nftables/command.ts";
import { addElements, deleteElements, type Element } from "../../../shared/nftables/element.ts";
import { addRule, deleteRule, type ListedRule } from "../../../shared/nftables/rule.ts";
import { deleteTable } from "../../../shared/nftables/table.ts";
import { completeTable, readTableState } from "../../../shared/nftables/table-definition.ts";
import { assertNftables } from "../unavailable.ts";
import type { MasqueradeBackend } from "./backend.ts";
import { goCommentStart, goMasqueradeChain, goNetworkStart } from "./go-masquerade.ts";
import {
  isSubnetChain,
  masqueradeDefinition,
  masqueradeTable,
  sourceElement,
  sourceKey,
  sources,
  subnetChain,
  subnetRule,
} from "./nftables-table.ts";

/** Masquerading by elements of table cni_masquerade, which nftables-table.ts describes. */
export const nftablesMasquerade: MasqueradeBackend = {
  status: assertNftables,

  prepareAdd: () => undefined,

  add: (key, addresses, undo) => {
    const comment = ownerComment(key);
    const nftables = openNftables();
    changeRuleset(nftables, () => ({ commands: planAdd(nftables, comment, addresses) }));
    undo.push(() => remove(elementsOf(key)));
  },

  prepareCheck: () => undefined,

  isMasqueraded: (key, address) => {
    if (!hasNftables()) return false;
    const nftables = openNftables();
    const element = nftables.getElement(sources[address.family], { key: sourceKey(address) });
    if (element?.comment === ownerComment(key)) return true;
    const { table, name } = goMasqueradeChain;
    return nftables.findRules(table, name, goCommentStart(key)).length > 0;
  },

  startDel: (key) => () => remove(elementsOf(key)),

  gc: (network, valid) => {
    const keys = valid.map((attachment) => ({ network, ...attachment }));
    const live = new Set(keys.map(ownerComment));
    const liveGoStarts = keys.map(goCommentStart);
    remove({
      start: ownerCommentStart(network),
      isMeant: ({ comment = "" }) => !live.has(comment),
      goStart: goNetworkStart(network),
      isGoMeant: ({ comment = "" }) => !liveGoStarts.some((start) => comment.startsWith(start)),
    });
  },
};

/** Removes our own elements of attachments that are gone. Connections stay: others may have the addresses by now. */
export function sweepMasquerade(isGone: (comment: string) => boolean): void {
  remove({
    start: "",
    isMeant: ({ comment = "" }) => isGone(comment),
    goStart: "",
    isGoMeant: () => false,
    keepsConnections: true,
  });
}

/** Elements of our maps, and rules of the Go plugin. */
interface Selection {
  /** The beginning of the elements' comments. */
  readonly start: string;
  readonly isMeant: (element: Element) => boolean;
  /** The beginning of the comments of the Go plugin's rules. */
  readonly goStart: string;
  readonly isGoMeant: (rule: ListedRule) => boolean;
  /** Default: tracked connections of the addresses are forgotten. */
  readonly keepsConnections?: true;
}

function elementsOf(key: AttachmentKey): Selection {
  const comment = ownerComment(key);
  return {
    start: comment,
    isMeant: (element) => element.comment === comment,
    goStart: goCommentStart(key),
    isGoMeant: () => true,
  };
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
    // The address belongs to this container now: an existing element was left by an attachment that is gone.
    const old = nftables.getElement(set, element);
    if (old !== undefined) commands.push(...deleteElements(set, [old]));
    commands.push(...addElements(set, [element]));
  }
  return commands;
}

function remove(selection: Selection): void {
  if (!hasNftables()) return;
  const nftables = openNftables();
  const tables = [masqueradeTable, goMasqueradeChain.table];
  if (!tables.some((table) => nftables.getTable(table) !== undefined)) return;
  // Translated connections would go on with the next owner of the address. They are forgotten before the elements are
  // removed as well: when only connections are left nothing leads to them, so a call that is killed in between must
  // leave the elements for the next one.
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
  const goRules = nftables
    .findRules(goMasqueradeChain.table, goMasqueradeChain.name, selection.goStart)
    .filter(selection.isGoMeant);
  const goCommands = goRules.map(deleteRule);
  if (nftables.getTable(masqueradeTable) === undefined) return { commands: goCommands, released: [] };
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
  return { commands: [...goCommands, ...ownCommands], released: [...released.values()] };
}

function subnetChains(nftables: Nftables): number {
  return nftables.listChains(masqueradeTable).filter(({ name }) => isSubnetChain(name)).length;
}

/** The chains of subnets whose last container leaves. A chain's uses are its rules and the elements that lead to it. */
function unusedChains(nftables: Nftables, leaving: ReadonlyMap<string, number>): ChainName[] {
  return [...leaving].flatMap(([name, count]) => {
    const chain = { table: masqueradeTable, name };
    if (!isSubnetChain(name)) return [];
    const uses = nftables.getChain(chain)?.uses;
    const rules = nftables.listRules(masqueradeTable, name).length;
    return uses !== undefined && uses === rules + count ? [chain] : [];
  });
}
