import { addChain, type BaseChain, flushChain } from "./chain.ts";
import type { Nftables } from "./client.ts";
import type { Command } from "./command.ts";
import { addRule, type ListedRule, type Rule, sameRule } from "./rule.ts";
import { addSet, type NamedSet } from "./set.ts";
import { addTable, type Table } from "./table.ts";

/** The part of a table of ours that is the same whatever its sets hold. */
export interface TableDefinition {
  readonly table: Table;
  readonly sets: readonly Omit<NamedSet, "table">[];
  readonly chains: readonly ChainDefinition[];
}

export interface ChainDefinition {
  readonly name: string;
  readonly base?: BaseChain;
  readonly comment?: string;
  /** All its rules, in order. */
  readonly rules: readonly Rule[];
}

/** What there is of a table. */
export interface TableState {
  readonly exists: boolean;
  readonly sets: ReadonlySet<string>;
  readonly chains: ReadonlySet<string>;
  readonly rules: readonly ListedRule[];
}

/** Reads what there is of a defined table; its cost does not grow with the elements. Throws SystemError. */
export function readTableState(nftables: Nftables, { table, sets, chains }: TableDefinition): TableState {
  const exists = nftables.getTable(table) !== undefined;
  if (!exists) return { exists, sets: new Set(), chains: new Set(), rules: [] };
  const present = <Named extends { readonly name: string }>(
    named: readonly Named[],
    get: (name: string) => unknown,
  ): Set<string> => new Set(named.map(({ name }) => name).filter((name) => get(name) !== undefined));
  return {
    exists,
    sets: present(sets, (name) => nftables.getSet({ table, name })),
    chains: present(chains, (name) => nftables.getChain({ table, name })),
    rules: chains.flatMap(({ name }) => nftables.listRules(table, name)),
  };
}

/**
 * The commands that make a table what it is defined to be: none when it is. Sets keep their elements; a chain whose
 * rules are others is filled anew within the batch, so that no packet meets it empty.
 *
 * @throws RangeError for an impossible comment.
 */
export function completeTable({ table, sets, chains }: TableDefinition, state: TableState): Command[] {
  const commands: Command[] = [];
  if (!state.exists) commands.push(addTable(table));
  for (const set of sets) if (!state.sets.has(set.name)) commands.push(addSet({ ...set, table }));
  for (const { rules: _, ...chain } of chains) {
    if (!state.chains.has(chain.name)) commands.push(addChain({ ...chain, table }));
  }
  for (const { name, rules } of chains) {
    const present = state.rules.filter((rule) => rule.chain.name === name);
    if (sameRules(present, rules)) continue;
    const chain = { table, name };
    if (present.length > 0) commands.push(flushChain(chain));
    commands.push(...rules.map((rule) => addRule(chain, rule)));
  }
  return commands;
}

/** Whether a chain has exactly these rules. */
export function sameRules(present: readonly Rule[], wanted: readonly Rule[]): boolean {
  return (
    present.length === wanted.length &&
    wanted.every((rule, index) => {
      const other = present[index];
      return other !== undefined && sameRule(rule, other);
    })
  );
}
