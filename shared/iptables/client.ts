import { Failure } from "../errors/failure.ts";
import { sleep } from "../linux/wait.ts";
import { iptablesProgram, type Outcome, programFailure, requireIptables, startProgram } from "./program.ts";
import { type Purpose, type Question, Restore } from "./restore.ts";
import { parseRuleset, type Ruleset, sameRulesetText } from "./ruleset.ts";
import type { Transaction } from "./transaction.ts";
import { IptablesUnavailable } from "./unavailable.ts";
import { type Family, programName } from "./which.ts";

export { requireIptables } from "./program.ts";
export { IptablesUnavailable } from "./unavailable.ts";
export { type Family, hasIptables } from "./which.ts";

export type Table = "nat" | "filter";

const attempts = 10;

/**
 * Ways to avoid reading the whole table, where a thousand containers have five thousand rules. Each must be safe: the
 * transaction fails as a whole if the table is not as assumed. It creates chains that do not exist, removes rules that
 * do, and the chains that are then empty and unused.
 */
export interface Shortcut<Plan> {
  /** A plan for what the table probably holds, which is tried without reading. */
  readonly guess?: Plan | undefined;
  /** Such a plan that is being tried already. */
  readonly started?: StartedChange<Plan> | undefined;
  readonly part?: TablePart;
}

/** Chains to look at first; a plan does not see the others if `suffices` says so of these. */
export interface TablePart {
  readonly chains: readonly string[];
  suffices(current: Ruleset): boolean;
}

/** A change of a table, with whatever else its plan has found out. */
export interface PlannedRules {
  readonly transaction: Transaction;
}

/** A transaction on its way. */
export interface StartedChange<Plan> {
  readonly plan: Plan;
  /** Waits for its end. False when it did not fit, and nothing was changed. */
  finish(): boolean;
}

/**
 * iptables, as one call of a plugin uses it. Its program takes longer to start than to work: who expects to need it says
 * so with `startEarly`, as soon as possible, and the first method that needs such a program takes it.
 */
export class Iptables {
  readonly #early = new Map<Family, Restore>();

  /**
   * Starts a program for later. A failure is reported by the method that needs the program.
   *
   * @param question what will probably be read first; not for changes, which read when nobody else makes any.
   */
  startEarly(family: Family, purpose: Purpose, question?: Question): void {
    if (this.#early.has(family)) return;
    const restore = new Restore(family, purpose);
    this.#early.set(family, restore);
    try {
      if (question === undefined) restore.start();
      else restore.ask(question);
    } catch {
      // Whoever needs the program reports it.
    }
  }

  /**
   * Starts a change without waiting until it is made. Pass the result to `change`, which waits for it and falls back if it
   * failed. Until then no other process of ours makes a change.
   *
   * @throws Failure `missing` (program not installed)
   */
  startChange<Plan extends PlannedRules>(family: Family, table: Table, plan: Plan): StartedChange<Plan> {
    const restore = this.#take(family, "changing");
    try {
      restore.lock();
      restore.begin(plan.transaction.toText(table));
    } catch (error) {
      restore.close();
      throw error;
    }
    const finish = (): boolean => {
      const { status } = restore.finish();
      restore.close();
      return status === 0;
    };
    return { plan, finish };
  }

  /**
   * Changes one table of one family: reads it, lets `plan` decide, applies the transaction in one atomic
   * iptables-restore. Nothing is changed when the plan is empty. When somebody else changed the table in between so that
   * the transaction no longer fits, it is read and planned again.
   *
   * @returns the plan that was applied.
   * @throws Failure `missing` (programs not installed) or `failed` (a program failed); what `plan` throws.
   */
  change<Plan extends PlannedRules>(
    family: Family,
    table: Table,
    plan: (current: Ruleset) => Plan,
    { guess, started, part }: Shortcut<Plan> = {},
  ): Plan {
    if (started?.finish() === true) return started.plan;
    const program = requireIptables(family);
    const restore = this.#take(family, "changing");
    const apply = ({ transaction }: Plan) => {
      restore.begin(transaction.toText(table));
      return restore.finish();
    };
    try {
      restore.lock();
      if (guess !== undefined && apply(guess).status === 0) return guess;
      const listed = part && listChains(restore, table, part.chains);
      let before =
        listed !== undefined && part?.suffices(listed.rules) ? listed : readTable(restore, family, table);
      for (let attempt = 1; ; attempt++) {
        const planned = plan(before.rules);
        if (planned.transaction.isEmpty) return planned;
        const outcome = apply(planned);
        if (outcome.status === 0) return planned;
        const after = readTable(restore, family, table);
        if (attempt === attempts || sameRulesetText(before.text, after.text)) {
          const what = `${programName(family)} refused the rules for table ${table}`;
          throw programFailure(what, program, withLine(outcome));
        }
        sleep(Math.random() * 5 * attempt);
        before = after;
      }
    } finally {
      restore.close();
    }
  }

  /** As `change`, but does nothing and returns undefined where iptables cannot have been used at all: for DEL and GC. */
  changeIfAvailable<Plan extends PlannedRules>(
    family: Family,
    table: Table,
    plan: (current: Ruleset) => Plan,
    shortcut?: Shortcut<Plan>,
  ): Plan | undefined {
    try {
      return this.change(family, table, plan, shortcut);
    } catch (error) {
      if (error instanceof IptablesUnavailable) return undefined;
      throw error;
    }
  }

  /**
   * The chains and rules of one table. Throws Failure `missing` (program not installed) or `failed` (it failed).
   *
   * @param chains the only ones that matter: when all of them exist, the others may be left out.
   */
  read(family: Family, table: Table, chains?: readonly string[]): Ruleset {
    const restore = this.#take(family, "reading");
    try {
      const part = chains && listChains(restore, table, chains);
      return (part ?? readTable(restore, family, table)).rules;
    } finally {
      restore.close();
    }
  }

  /** One that was started early, or a new one. To be closed. */
  #take(family: Family, purpose: Purpose): Restore {
    const started = this.#early.get(family);
    if (started?.purpose !== purpose) return new Restore(family, purpose);
    this.#early.delete(family);
    return started;
  }
}

/** What a program printed of a table, and what that says. */
interface Reading {
  readonly text: string;
  readonly rules: Ruleset;
}

/**
 * Lists chains, or with none named all of them. iptables-save would do, but that of nf_tables reads the rules of all
 * tables whatever it is to print: with a thousand containers 79 ms for table filter instead of 18, and 98 for table nat
 * instead of 18 for the chains that matter. Undefined when a chain does not exist, and when this iptables does not list
 * within iptables-restore.
 */
function listChains(restore: Restore, table: Table, chains: readonly string[]): Reading | undefined {
  const text = restore.list({ table, chains });
  if (text === undefined) return undefined;
  const rules = parseRuleset(text);
  const isComplete =
    chains.length === 0 ? rules.chains.length > 0 : chains.every((chain) => rules.has(chain));
  return isComplete ? { text, rules } : undefined;
}

function readTable(restore: Restore, family: Family, table: Table): Reading {
  // Nearly all rules are in table nat, so that listing all of that saves nothing.
  const listed = table === "filter" ? listChains(restore, table, []) : undefined;
  if (listed !== undefined) return listed;
  const save = iptablesProgram(family, "save");
  const outcome = startProgram(save, ["-t", table], { input: "" }).finish();
  if (isIncompatible(outcome.stdout)) {
    const name = programName(family);
    throw new Failure(
      "failed",
      `${name} cannot read table ${table}: it holds rules that only nft understands`,
      {
        advice: `somebody put them into the chains of ${name}: move them to a table of their own (see: nft list ruleset)`,
      },
    );
  }
  if (outcome.status === 0) return { text: outcome.stdout, rules: parseRuleset(outcome.stdout) };
  throw programFailure(`${programName(family)} cannot read table ${table}`, save, outcome);
}

/** iptables-nft reports success when it prints nothing of a table: to go on would be to take it for an empty one. */
function isIncompatible(saveOutput: string): boolean {
  return /^# Table `[^']*' is incompatible/m.test(saveOutput);
}

/** The programs name the line of their input that they refuse; nobody else can see that line. */
function withLine({ input, ...outcome }: Outcome & { readonly input: string }): Outcome {
  const [, number] = /line:? (\d+)/.exec(outcome.stderr) ?? [];
  const line = number === undefined ? undefined : input.split("\n")[Number(number) - 1];
  return line === undefined || line === "COMMIT"
    ? outcome
    : { ...outcome, stderr: `${outcome.stderr}\nin: ${line}` };
}
