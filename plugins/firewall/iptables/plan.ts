import type { IpAddress } from "../../../shared/ip/address.ts";
import { type Rule, sameRule } from "../../../shared/iptables/rule.ts";
import { hasRule, type Ruleset } from "../../../shared/iptables/ruleset.ts";
import { Transaction } from "../../../shared/iptables/transaction.ts";
import type { Isolation } from "../isolation.ts";
import {
  acceptRules,
  adminJump,
  enteringRule,
  forwardChain,
  forwardJump,
  isolationJump,
  leavingRule,
  stage1Chain,
  stage2Chain,
  stageReturn,
  withinRule,
} from "./rules.ts";

/** The rules that one attachment needs in table filter of one family. */
export interface WantedRules {
  /** Absent when firewalld accepts the traffic. */
  readonly accept?: Acceptance;
  /** Absent for policy "open". */
  readonly isolation?: Isolation;
}

interface Acceptance {
  /** Addresses of one family, none twice. */
  readonly addresses: readonly IpAddress[];
  readonly adminChain: string;
}

/** A rule to make, and its place in a chain that lacks it: on top or at the end. */
interface RuleToMake {
  readonly chain: string;
  readonly rule: Rule;
  readonly place: "first" | "last";
}

/** True when FORWARD has no jump to the isolation chains, or accepts packets before it. */
export function isolationIsBypassed(current: Ruleset): boolean {
  const forward = current.rules("FORWARD");
  const isolate = forward.findIndex((rule) => sameRule(rule, isolationJump));
  const accept = forward.findIndex((rule) => sameRule(rule, forwardJump));
  return isolate === -1 || (accept !== -1 && accept < isolate);
}

/** The jumps in FORWARD that ADD makes and CHECK compares. */
export function wantedJumps({ accept, isolation }: WantedRules): readonly Rule[] {
  return [
    ...(accept === undefined ? [] : [forwardJump]),
    ...(isolation === undefined ? [] : [isolationJump]),
  ];
}

/** The other rules that ADD makes and CHECK compares, in the order in which they are made. */
export function wantedRules(wanted: WantedRules): readonly RuleToMake[] {
  return [...acceptance(wanted.accept), ...isolation(wanted.isolation)];
}

function acceptance(accept: Acceptance | undefined): readonly RuleToMake[] {
  if (accept === undefined) return [];
  return [
    { chain: forwardChain, rule: adminJump(accept.adminChain), place: "first" },
    ...accept.addresses
      .flatMap(acceptRules)
      .map((rule): RuleToMake => ({ chain: forwardChain, rule, place: "last" })),
  ];
}

function isolation(wanted: Isolation | undefined): readonly RuleToMake[] {
  if (wanted === undefined) return [];
  const { policy, bridge } = wanted;
  const within: RuleToMake = { chain: stage1Chain, rule: withinRule(bridge), place: "first" };
  return [
    { chain: stage1Chain, rule: leavingRule(policy, bridge), place: "first" },
    ...(policy === "isolated" ? [within] : []),
    { chain: stage1Chain, rule: stageReturn, place: "last" },
    { chain: stage2Chain, rule: enteringRule(bridge), place: "first" },
    { chain: stage2Chain, rule: stageReturn, place: "last" },
  ];
}

/** The rules in STAGE-1 of the bridge's other policy, which contradict the wanted one. */
function contraryRules({ policy, bridge }: Isolation): readonly Rule[] {
  return policy === "isolated"
    ? [leavingRule("same-bridge", bridge)]
    : [withinRule(bridge), leavingRule("isolated", bridge)];
}

/** The changes that give a table the wanted rules. Empty when it has them. */
export function planRules(current: Ruleset, wanted: WantedRules): Transaction {
  const transaction = new Transaction();
  const chains = wanted.accept === undefined ? [] : [forwardChain, wanted.accept.adminChain];
  if (wanted.isolation !== undefined) chains.push(stage1Chain, stage2Chain);
  for (const chain of chains) if (!current.has(chain)) transaction.newChain(chain);

  planForward(transaction, current, wanted);
  if (wanted.isolation !== undefined) {
    const contrary = contraryRules(wanted.isolation);
    for (const rule of current.matching(stage1Chain, contrary)) transaction.deleteRule(stage1Chain, rule);
  }
  for (const { chain, rule, place } of wantedRules(wanted)) {
    if (hasRule(current, chain, rule)) continue;
    if (place === "first") transaction.insertFirst(chain, rule);
    else transaction.append(chain, rule);
  }
  return transaction;
}

/**
 * Adds missing jumps on top of FORWARD. The jump to the isolation chains has to be above the one to CNI-FORWARD. It is
 * moved to the top when the latter is added, or is above it already and this attachment asks for isolation.
 */
function planForward(transaction: Transaction, current: Ruleset, wanted: WantedRules): void {
  const isolate = wanted.isolation !== undefined;
  const isolates = hasRule(current, "FORWARD", isolationJump);
  const addsJump = wanted.accept !== undefined && !hasRule(current, "FORWARD", forwardJump);
  if (addsJump) transaction.insertFirst("FORWARD", forwardJump);
  const raise = isolates ? addsJump || (isolate && isolationIsBypassed(current)) : isolate;
  if (!raise) return;
  if (isolates) transaction.deleteRule("FORWARD", isolationJump);
  transaction.insertFirst("FORWARD", isolationJump);
}

/**
 * The changes that remove every instance of the addresses' rules and of the rules about these bridges. Chains and jumps
 * stay, as with the Go plugin.
 */
export function planRuleRemoval(
  current: Ruleset,
  addresses: readonly IpAddress[],
  bridges: readonly string[] = [],
): Transaction {
  const transaction = new Transaction();
  const remove = (chain: string, rules: readonly Rule[]): void => {
    for (const rule of current.matching(chain, rules)) transaction.deleteRule(chain, rule);
  };
  remove(forwardChain, addresses.flatMap(acceptRules));
  remove(stage1Chain, bridges.flatMap(stage1Rules));
  remove(stage2Chain, bridges.map(enteringRule));
  return transaction;
}

/** All rules about a bridge that STAGE-1 may have. */
function stage1Rules(bridge: string): readonly Rule[] {
  return [withinRule(bridge), leavingRule("isolated", bridge), leavingRule("same-bridge", bridge)];
}
