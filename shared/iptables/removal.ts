import { Failure } from "../errors/failure.ts";
import { changeRules, type Shortcut } from "./client.ts";
import { legacyTableExists } from "./legacy-table.ts";
import { chainExists } from "./presence.ts";
import type { Ruleset } from "./ruleset.ts";
import type { Operation, Transaction } from "./transaction.ts";
import { IptablesUnavailable } from "./unavailable.ts";
import { type Family, programName } from "./which.ts";

/** Chains of one table, of which nothing is to stay but what the plan keeps. */
export interface Doomed {
  readonly family: Family;
  readonly table: "nat" | "filter";
  readonly chains: readonly string[];
}

/**
 * As `changeRules`, to remove chains: does nothing where iptables cannot have been used at all. What is known to be there
 * and out of reach is an error, which a retry mends once it is in reach: the programs were uninstalled meanwhile, or
 * `iptables` is of the other variant now, which does not see these chains.
 *
 * @throws Failure `missing` or `otherVariant`, and as `changeRules`.
 */
export function removeChains(
  { family, table, chains }: Doomed,
  plan: (current: Ruleset) => Transaction,
  shortcut?: Shortcut,
): readonly Operation[] {
  let seen: readonly string[] = [];
  const watched = (current: Ruleset): Transaction => {
    seen = chains.filter((chain) => current.has(chain));
    return plan(current);
  };
  const isThere = (chain: string) => chainExists(family, table, chain) === true;
  let done: readonly Operation[];
  try {
    done = changeRules(family, table, watched, shortcut);
  } catch (error) {
    if (!(error instanceof IptablesUnavailable) || chains.some(isThere)) throw error;
    return [];
  }
  const mayBeLeft = (chain: string): boolean =>
    isDeleted(done, chain) ? legacyTableExists(family, table) : !seen.includes(chain);
  const left = chains.filter((chain) => mayBeLeft(chain) && isThere(chain));
  if (left.length > 0) throw outOfReach(family, `chain ${left.join(", ")} of table ${table}`);
  return done;
}

function isDeleted(operations: readonly Operation[], chain: string): boolean {
  return operations.some((operation) => operation.kind === "deleteChain" && operation.chain === chain);
}

/** For what is there, but not in the tables of the `iptables` in PATH. */
export function outOfReach(family: Family, what: string): Failure {
  const name = programName(family);
  return new Failure(
    "otherVariant",
    `cannot remove ${what}: ${name} does not see it, since it is of the other variant`,
    { subject: name },
  );
}
