import type { IpAddress } from "../../shared/ip/address.ts";
import { type Rule, sameRule } from "../../shared/iptables/rule.ts";
import { hasRule, type Ruleset } from "../../shared/iptables/ruleset.ts";
import { Transaction } from "../../shared/iptables/transaction.ts";
import {
  acceptRules,
  adminJump,
  enteringRule,
  forwardChain,
  forwardJump,
  type Isolation,
  isolationJump,
  leavingRule,
  stage1Chain,
  stage2Chain,
  stageReturn,
  withinRule,
} from "./rules.ts";

/** What one attachment needs in table filter of one family. */
export interface Wanted {
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

/** A rule and its place in a chain: on top when it is absent, or at the end. */
interface PlacedRule {
  readonly chain: string;
  readonly rule: Rule;
  readonly place: "first" | "last";
}

/** The jump to the isolation chains is not in FORWARD, or packets are accepted before they come to it. */
export function isolationIsBypassed(current: Ruleset): boolean {
  const forward = current.rules("FORWARD");
  const isolate = forward.findIndex((rule) => sameRule(rule, isolationJump));
  const accept = forward.findIndex((rule) => sameRule(rule, forwardJump));
  return isolate === -1 || (accept !== -1 && accept < isolate);
}

/** The jumps in FORWARD that ADD makes and CHECK looks for. */
export function wantedJumps({ accept, isolation }: Wanted): readonly Rule[] {
  return [
    ...(accept === undefined ? [] : [forwardJump]),
    ...(isolation === undefined ? [] : [isolationJump]),
  ];
}

/** Everything else that ADD makes and CHECK looks for, in the order in which it is made. */
export function wantedRules(wanted: Wanted): readonly PlacedRule[] {
  return [...acceptance(wanted.accept), ...isolation(wanted.isolation)];
}

function acceptance(accept: Acceptance | undefined): readonly PlacedRule[] {
  if (accept === undefined) return [];
  return [
    { chain: forwardChain, rule: adminJump(accept.adminChain), place: "first" },
    ...accept.addresses
      .flatMap(acceptRules)
      .map((rule): PlacedRule => ({ chain: forwardChain, rule, place: "last" })),
  ];
}

function isolation(wanted: Isolation | undefined): readonly PlacedRule[] {
  if (wanted === undefined) return [];
  const { policy, bridge } = wanted;
  const within: PlacedRule = { chain: stage1Chain, rule: withinRule(bridge), place: "first" };
  return [
    { chain: stage1Chain, rule: leavingRule(policy, bridge), place: "first" },
    ...(policy === "isolated" ? [within] : []),
    { chain: stage1Chain, rule: stageReturn, place: "last" },
    { chain: stage2Chain, rule: enteringRule(bridge), place: "first" },
    { chain: stage2Chain, rule: stageReturn, place: "last" },
  ];
}

/** Rules in STAGE-1 that contradict the wanted policy: those of the bridge's other policy. */
function contraryRules({ policy, bridge }: Isolation): readonly Rule[] {
  return policy === "isolated"
    ? [leavingRule("same-bridge", bridge)]
    : [withinRule(bridge), leavingRule("isolated", bridge)];
}

/** What has to be done so that the table has what is wanted. Empty when everything is in place. */
export function planAdd(current: Ruleset, wanted: Wanted): Transaction {
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
 * The jumps in FORWARD are put on top when they are absent. The one to the isolation chains has to be above the other:
 * it is raised when that one would come to lie above it, or lies there and this attachment asks for isolation.
 */
function planForward(transaction: Transaction, current: Ruleset, wanted: Wanted): void {
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
 * Removes every instance of the addresses' rules and of the rules about these bridges. Chains and jumps stay, as with
 * the reference plugin.
 */
export function planRemove(
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

/** Whatever STAGE-1 may hold about a bridge. */
function stage1Rules(bridge: string): readonly Rule[] {
  return [withinRule(bridge), leavingRule("isolated", bridge), leavingRule("same-bridge", bridge)];
}
