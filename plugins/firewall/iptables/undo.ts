import { type Rule, sameRule } from "../../../shared/iptables/rule.ts";
import { hasRule, type PlacedRule, type Ruleset } from "../../../shared/iptables/ruleset.ts";
import { type Operation, Transaction } from "../../../shared/iptables/transaction.ts";
import type { WantedRules } from "./plan.ts";
import { adminJump, forwardChain, forwardJump, isolationJump, stage1Chain, stageReturn } from "./rules.ts";

/** The shared parts that other attachments need. */
export interface StillNeeded {
  readonly adminChain: boolean;
  readonly isolation: boolean;
}

/**
 * The changes that undo an ADD. They remove the rules that it made and no others, and the chains that it made unless they
 * have other rules by now.
 *
 * @param done the operations of the ADD.
 */
export function planRulesUndo(
  current: Ruleset,
  done: readonly Operation[],
  wanted: WantedRules,
  needed: StillNeeded,
): Transaction {
  const adminChain = wanted.accept?.adminChain;
  const made: PlacedRule[] = [];
  const removed: PlacedRule[] = [];
  for (const operation of done) {
    if (operation.kind === "append" || operation.kind === "insertFirst") made.push(operation);
    if (operation.kind === "deleteRule") removed.push(operation);
  }
  const isOwn = ({ chain, rule }: PlacedRule): boolean => {
    if (chain === "FORWARD" || sameRule(rule, stageReturn)) return false;
    if (adminChain !== undefined && sameRule(rule, adminJump(adminChain))) return !needed.adminChain;
    return chain === forwardChain || !needed.isolation;
  };
  /** True when the chain is empty without this attachment's rules. */
  const isSpent = (chain: string): boolean =>
    current
      .rules(chain)
      .every((rule) => has(made, { chain, rule }) && (isOwn({ chain, rule }) || isEnd(rule)));
  const goes = (placed: PlacedRule): boolean => {
    if (has(removed, placed)) return false; // ADD has moved it.
    if (placed.chain === "FORWARD") return isSpent(targetOfJump(placed.rule));
    return sameRule(placed.rule, stageReturn) ? isSpent(placed.chain) : isOwn(placed);
  };

  const transaction = new Transaction();
  for (const placed of made) {
    if (goes(placed) && hasRule(current, placed.chain, placed.rule)) {
      transaction.deleteRule(placed.chain, placed.rule);
    }
  }
  for (const placed of removed.toReversed()) {
    if (!needed.isolation && !has(made, placed) && !hasRule(current, placed.chain, placed.rule)) {
      transaction.insertFirst(placed.chain, placed.rule);
    }
  }
  for (const operation of done) {
    if (operation.kind !== "newChain" || !current.has(operation.chain)) continue;
    const unused = operation.chain !== adminChain || !needed.adminChain;
    if (unused && isSpent(operation.chain)) transaction.deleteChain(operation.chain);
  }
  return transaction;
}

function has(list: readonly PlacedRule[], { chain, rule }: PlacedRule): boolean {
  return list.some((placed) => placed.chain === chain && sameRule(placed.rule, rule));
}

function isEnd(rule: Rule): boolean {
  return sameRule(rule, stageReturn);
}

function targetOfJump(jump: Rule): string {
  return sameRule(jump, isolationJump) ? stage1Chain : sameRule(jump, forwardJump) ? forwardChain : "";
}
