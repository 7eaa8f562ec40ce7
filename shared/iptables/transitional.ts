/**
 * Until every plugin hands its `Iptables` to who needs it: one for the process.
 */
import { Iptables, type PlannedRules, type Shortcut, type Table } from "./client.ts";
import type { Purpose, Question } from "./restore.ts";
import type { Ruleset } from "./ruleset.ts";
import type { Operation, Transaction } from "./transaction.ts";
import type { Family } from "./which.ts";

const iptables = new Iptables();

type Plan = (current: Ruleset) => Transaction;

interface OldShortcut extends Pick<Shortcut<PlannedRules>, "part" | "started"> {
  readonly guess?: Transaction | undefined;
}

export function startEarly(family: Family, purpose: Purpose, question?: Question): void {
  iptables.startEarly(family, purpose, question);
}

export function changeRules(
  family: Family,
  table: Table,
  plan: Plan,
  shortcut: OldShortcut = {},
): readonly Operation[] {
  return iptables.change(family, table, planned(plan), renewed(shortcut)).transaction.operations;
}

export function readRules(family: Family, table: Table, chains?: readonly string[]): Ruleset {
  return iptables.read(family, table, chains);
}

function planned(plan: Plan): (current: Ruleset) => PlannedRules {
  return (current) => ({ transaction: plan(current) });
}

function renewed({ guess, ...rest }: OldShortcut): Shortcut<PlannedRules> {
  return { ...rest, guess: guess && { transaction: guess } };
}
