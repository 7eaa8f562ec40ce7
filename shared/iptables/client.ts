import { CniError, ErrorCode } from "../errors/cni-error.ts";
import { withLockFile } from "../linux/lock-file.ts";
import { sleep } from "../linux/wait.ts";
import {
  type Family,
  findProgram,
  IptablesUnavailable,
  programFailure,
  programName,
  runProgram,
} from "./program.ts";
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
 * Changes one table of one family: reads it, lets `plan` decide, applies the transaction in one atomic
 * iptables-restore. Nothing is run when the plan is empty. When somebody else changed the table in between so that
 * the transaction no longer fits, it is read and planned again.
 *
 * @param guess a plan for what the table probably holds, which is tried first, without reading: with a thousand
 *   containers reading costs ten times what the change does. It must be one that fails as a whole where that is wrong:
 *   it makes chains that are not there, removes rules that are, and the chains that are then empty and unused.
 * @returns what was done.
 * @throws CniError code 101 (programs not installed) or 102 (a program failed); what `plan` throws.
 */
export function changeRules(
  family: Family,
  table: Table,
  plan: (current: Ruleset) => Transaction,
  guess?: Transaction,
): readonly Operation[] {
  const restore = requireIptables(family);
  const apply = (text: string, lockFd: number | undefined) =>
    runProgram(restore, ["--noflush", "--wait"], text, lockFd);
  // Every change is atomic and fits what it was planned for, so the work may go on without the lock.
  return withLockFile(lockFile, lockTimeoutMilliseconds, (lockFd) => {
    if (guess !== undefined && apply(guess.toText(table), lockFd).status === 0) return guess.operations;
    let before = readTable(family, table);
    for (let attempt = 1; ; attempt++) {
      const transaction = plan(parseRuleset(before));
      if (transaction.isEmpty) return [];
      const text = transaction.toText(table);
      const outcome = apply(text, lockFd);
      if (outcome.status === 0) return transaction.operations;
      const after = readTable(family, table);
      if (attempt === attempts || sameRulesetText(before, after)) {
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
  guess?: Transaction,
): readonly Operation[] {
  try {
    return changeRules(family, table, plan, guess);
  } catch (error) {
    if (error instanceof IptablesUnavailable) return [];
    throw error;
  }
}

/** The chains and rules of one table. Throws CniError code 101 (program not installed) or 102 (it failed). */
export function readRules(family: Family, table: Table): Ruleset {
  return parseRuleset(readTable(family, table));
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

function readTable(family: Family, table: Table): string {
  const save = findProgram(family, "save");
  const outcome = runProgram(save, ["-t", table], "");
  if (isIncompatible(outcome.stdout)) {
    const name = programName(family);
    throw new CniError(
      ErrorCode.programFailed,
      `${name} cannot read table ${table}: it holds rules that only nft understands`,
      `somebody put them into the chains of ${name}: move them to a table of their own (see: nft list ruleset)`,
    );
  }
  if (outcome.status === 0) return outcome.stdout;
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
