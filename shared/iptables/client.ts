import { CniError, ErrorCode } from "../errors/cni-error.ts";
import { unlock } from "../linux/flock.ts";
import { withLockFile } from "../linux/lock-file.ts";
import { sleep } from "../linux/wait.ts";
import { netfilterDescriptors } from "../netlink/netfilter-socket.ts";
import {
  type Family,
  findProgram,
  IptablesUnavailable,
  type Outcome,
  programFailure,
  programName,
  type RunningProgram,
  runProgram,
  startProgram,
} from "./program.ts";
import { quoteWord } from "./rule.ts";
import { parseRuleset, type Ruleset, sameRulesetText } from "./ruleset.ts";
import type { Operation, Transaction } from "./transaction.ts";

export { type Family, hasIptables, IptablesUnavailable } from "./program.ts";

export type Table = "nat" | "filter";

/**
 * Only our own processes take it, so that each sees what the one before it has made. An iptables-restore holds it
 * too: when its plugin is killed, the DEL that follows waits for what is still under way.
 */
export const lockFile = "/run/cni-iptables.lock";
const lockTimeoutMilliseconds = 30_000;
const attempts = 10;

/**
 * Starts an iptables-restore that makes a transaction. It says when that is done (--verbose repeats comments), and is
 * not waited for then: when something is removed, iptables-nft takes 10 to 20 ms more to close its socket, in which the
 * kernel waits for an RCU grace period and frees what nobody can see any more. It holds our own sockets too, since who
 * closes such a one last within that time waits as well.
 */
function startRestore(restore: string, transaction: string, lockFd: number | undefined): RunningProgram {
  const input = `${transaction}${doneLine}${"-".repeat(8191 - doneLine.length)}\n`;
  const heldFds = [...(lockFd === undefined ? [] : [lockFd]), ...netfilterDescriptors()];
  return startProgram(restore, ["--noflush", "--wait", "--verbose"], { input, heldFds, doneLine });
}

/**
 * With what comes after it in the line it fills two blocks of the C library's buffer, and so is written at once; longer
 * than 10 kB iptables-restore takes no line.
 */
const doneLine = "# made ";

/**
 * What spares reading the whole table, where a thousand containers have five thousand rules. Each must be such that
 * the transaction fails as a whole where the rest of the table is not as expected: it makes chains that are not there,
 * removes rules that are, and the chains that are then empty and unused.
 */
export interface Shortcut {
  /** A plan for what the table probably holds: it is tried without reading. */
  readonly guess?: Transaction | undefined;
  /** Such a plan that is being tried already. */
  readonly started?: StartedChange | undefined;
  readonly part?: TablePart;
}

/** Chains to look at first; the others are left out of what the plan gets to see if `suffices` says so of these. */
export interface TablePart {
  readonly chains: readonly string[];
  suffices(current: Ruleset): boolean;
}

/** A transaction on its way. */
export interface StartedChange {
  readonly operations: readonly Operation[];
  /** Waits for its end. False when it did not fit, and nothing was changed. */
  finish(): boolean;
}

/**
 * Starts a transaction without waiting for its end, which comes 10 ms later when it removes something: the kernel waits
 * for an RCU grace period. To be told to `changeRules` afterwards, which looks whether it went well. Until its end the
 * program alone has the lock.
 *
 * @throws CniError code 101 (program not installed)
 */
export function startChange(family: Family, table: Table, guess: Transaction): StartedChange {
  const restore = requireIptables(family);
  const program = withLockFile(lockFile, lockTimeoutMilliseconds, (lockFd) =>
    startRestore(restore, guess.toText(table), lockFd),
  );
  return { operations: guess.operations, finish: () => program.finish().status === 0 };
}

/**
 * Changes one table of one family: reads it, lets `plan` decide, applies the transaction in one atomic
 * iptables-restore. Nothing is run when the plan is empty. When somebody else changed the table in between so that
 * the transaction no longer fits, it is read and planned again.
 *
 * @returns what was done.
 * @throws CniError code 101 (programs not installed) or 102 (a program failed); what `plan` throws.
 */
export function changeRules(
  family: Family,
  table: Table,
  plan: (current: Ruleset) => Transaction,
  { guess, started, part }: Shortcut = {},
): readonly Operation[] {
  if (started?.finish() === true) return started.operations;
  const restore = requireIptables(family);
  const apply = (text: string, lockFd: number | undefined): Outcome => {
    const outcome = startRestore(restore, text, lockFd).finish();
    // The program has it as well.
    if (outcome.mayStillRun && lockFd !== undefined) unlock(lockFd);
    return outcome;
  };
  // Every change is atomic and fits what it was planned for, so the work may go on without the lock.
  return withLockFile(lockFile, lockTimeoutMilliseconds, (lockFd) => {
    if (guess !== undefined && apply(guess.toText(table), lockFd).status === 0) return guess.operations;
    const listed = part && listChains(family, table, part.chains);
    let before = listed !== undefined && part?.suffices(listed.rules) ? listed : readTable(family, table);
    for (let attempt = 1; ; attempt++) {
      const transaction = plan(before.rules);
      if (transaction.isEmpty) return [];
      const text = transaction.toText(table);
      const outcome = apply(text, lockFd);
      if (outcome.status === 0) return transaction.operations;
      const after = readTable(family, table);
      if (attempt === attempts || sameRulesetText(before.text, after.text)) {
        const what = `${programName(family)} refused the rules for table ${table}`;
        throw programFailure(what, restore, withLine(outcome, text));
      }
      sleep(Math.random() * 5 * attempt);
      before = after;
    }
  });
}

/** As `changeRules`, but does nothing where iptables cannot have been used at all: for DEL and GC. */
export function changeRulesIfAvailable(
  family: Family,
  table: Table,
  plan: (current: Ruleset) => Transaction,
  shortcut?: Shortcut,
): readonly Operation[] {
  try {
    return changeRules(family, table, plan, shortcut);
  } catch (error) {
    if (error instanceof IptablesUnavailable) return [];
    throw error;
  }
}

/**
 * The chains and rules of one table. Throws CniError code 101 (program not installed) or 102 (it failed).
 *
 * @param chains the only ones that matter: when all of them exist, the others may be left out.
 */
export function readRules(family: Family, table: Table, chains?: readonly string[]): Ruleset {
  const part = chains && listChains(family, table, chains);
  return (part ?? readTable(family, table)).rules;
}

/**
 * Says early that the programs for this family are missing. Returns the path of iptables-restore.
 *
 * @throws CniError code 101
 */
export function requireIptables(family: Family): string {
  findProgram(family, "save");
  return findProgram(family, "restore");
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
function listChains(family: Family, table: Table, chains: readonly string[]): Reading | undefined {
  const commands = chains.length === 0 ? ["-S"] : chains.map((chain) => `-S ${quoteWord(chain)}`);
  const input = [`*${table}`, ...commands, "COMMIT", ""].join("\n");
  // iptables-save waits for no lock, and takes over after a while.
  const { status, stdout } = runProgram(requireIptables(family), ["--noflush", "--wait=1"], { input });
  if (status !== 0) return undefined;
  const rules = parseRuleset(stdout);
  const isComplete =
    chains.length === 0 ? rules.chains.length > 0 : chains.every((chain) => rules.has(chain));
  return isComplete ? { text: stdout, rules } : undefined;
}

function readTable(family: Family, table: Table): Reading {
  // Nearly all rules are in table nat, so that listing all of that saves nothing.
  const listed = table === "filter" ? listChains(family, table, []) : undefined;
  if (listed !== undefined) return listed;
  const save = findProgram(family, "save");
  const outcome = runProgram(save, ["-t", table], { input: "" });
  if (isIncompatible(outcome.stdout)) {
    const name = programName(family);
    throw new CniError(
      ErrorCode.programFailed,
      `${name} cannot read table ${table}: it holds rules that only nft understands`,
      `somebody put them into the chains of ${name}: move them to a table of their own (see: nft list ruleset)`,
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
function withLine<Outcome extends { readonly stderr: string }>(outcome: Outcome, input: string): Outcome {
  const [, number] = /line:? (\d+)/.exec(outcome.stderr) ?? [];
  const line = number === undefined ? undefined : input.split("\n")[Number(number) - 1];
  return line === undefined || line === "COMMIT"
    ? outcome
    : { ...outcome, stderr: `${outcome.stderr}\nin: ${line}` };
}
