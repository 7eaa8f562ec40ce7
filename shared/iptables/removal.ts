import { Failure } from "../errors/failure.ts";
import type { Iptables, PlannedRules, Shortcut } from "./client.ts";
import { legacyTableExists } from "./legacy-table.ts";
import { chainExists } from "./presence.ts";
import type { Ruleset } from "./ruleset.ts";
import type { Operation } from "./transaction.ts";
import { IptablesUnavailable } from "./unavailable.ts";
import { type Family, programName } from "./which.ts";

/** Chains of one table, of which nothing is to stay but what the plan keeps. */
export interface Doomed {
  readonly family: Family;
  readonly table: "nat" | "filter";
  readonly chains: readonly string[];
}

/**
 * As `change` of Iptables, to remove chains: does nothing where iptables cannot have been used at all. What is known to be
 * there and out of reach is an error, which a retry mends once it is in reach: the programs were uninstalled meanwhile, or
 * `iptables` is of the other variant now, which does not see these chains.
 *
 * @returns the plan that was applied; undefined when iptables cannot have been used.
 * @throws Failure `missing`, and as `change`.
 */
export function removeChains<Plan extends PlannedRules>(
  iptables: Iptables,
  { family, table, chains }: Doomed,
  plan: (current: Ruleset) => Plan,
  { guess, started }: Pick<Shortcut<Plan>, "guess" | "started"> = {},
): Plan | undefined {
  const exists = (chain: string) => chainExists(family, table, chain) === true;
  try {
    const watched = (current: Ruleset): Watched<Plan> => ({
      ...withoutSight(plan(current)),
      seen: chains.filter((chain) => current.has(chain)),
    });
    const done = iptables.change(family, table, watched, {
      guess: guess && withoutSight(guess),
      started: started && { plan: withoutSight(started.plan), finish: started.finish },
    });
    const mayBeLeft = (chain: string): boolean =>
      isDeleted(done.transaction.operations, chain)
        ? legacyTableExists(family, table)
        : !done.seen.includes(chain);
    const left = chains.filter((chain) => mayBeLeft(chain) && exists(chain));
    if (left.length > 0) throw outOfReach(family, `chain ${left.join(", ")} of table ${table}`);
    return done.plan;
  } catch (error) {
    if (!(error instanceof IptablesUnavailable) || chains.some(exists)) throw error;
    return undefined;
  }
}

/** A plan, with those of the chains that it has seen in the table. */
interface Watched<Plan> extends PlannedRules {
  readonly plan: Plan;
  readonly seen: readonly string[];
}

/** A guess has not looked at the table. */
function withoutSight<Plan extends PlannedRules>(plan: Plan): Watched<Plan> {
  return { transaction: plan.transaction, plan, seen: [] };
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
