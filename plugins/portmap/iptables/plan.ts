import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import { type Rule, ruleKey, sameRule } from "../../../shared/iptables/rule.ts";
import { hasRule, type PlacedRule, type Ruleset } from "../../../shared/iptables/ruleset.ts";
import { type Operation, Transaction } from "../../../shared/iptables/transaction.ts";
import { dnatChain } from "./names.ts";
import { type DesiredRules, entryFinder, entryWords } from "./rules.ts";

/** Returns the error for a chain of `externalSetMarkChain` that does not exist. */
export function noMarkChain(chain: string, programs: string): CniError {
  return new CniError(
    ErrorCode.invalidConfig,
    `externalSetMarkChain: chain ${chain} not found in table nat of ${programs}`,
    "whoever marks packets for masquerading there (kube-proxy, for example) has to create it first",
  );
}

/**
 * Returns the transaction after which the table holds the desired rules. Rules come before the jump to them.
 *
 * @param gone chains of containers that are gone, which are removed.
 * @throws CniError code 7 if the chain of `externalSetMarkChain` does not exist.
 */
export function planPublishing(
  current: Ruleset,
  desired: DesiredRules,
  gone: readonly string[] = [],
): Transaction {
  for (const chain of desired.requiredChains) {
    if (!current.has(chain)) throw noMarkChain(chain, desired.family === 4 ? "iptables" : "ip6tables");
  }
  const transaction = new Transaction();
  for (const { chain, rule } of desired.sharedChains) {
    if (!current.has(chain)) transaction.newChain(chain);
    if (rule !== undefined && !hasRule(current, chain, rule)) transaction.append(chain, rule);
  }
  for (const { chain, rule, first } of desired.jumps) {
    if (hasRule(current, chain, rule)) continue;
    if (first) transaction.insertFirst(chain, rule);
    else transaction.append(chain, rule);
  }
  deleteChains(transaction, current, gone);
  addContainerRules(transaction, current, desired);
  return transaction;
}

function addContainerRules(transaction: Transaction, current: Ruleset, desired: DesiredRules): void {
  if (!current.has(desired.chain)) transaction.newChain(desired.chain);
  for (const rule of outdatedRules(current, desired)) transaction.deleteRule(desired.chain, rule);
  for (const rule of desired.rules) {
    if (!hasRule(current, desired.chain, rule)) transaction.append(desired.chain, rule);
  }
  const leading = current.jumpsTo(desired.chain).filter(({ chain }) => chain === dnatChain);
  const present = entryFinder(leading.map(({ rule }) => rule));
  for (const entry of desired.entries) {
    const same = present(entry);
    // Whether a rule has these conditions cannot be seen, so it is replaced.
    if (same.length > 0 && entry.conditions.length === 0) continue;
    for (const rule of same) transaction.deleteRule(dnatChain, rule);
    transaction.append(dnatChain, entryWords(entry));
  }
}

/** Returns rules of the container's chain that lead a wanted port elsewhere: they come first and would win. */
function outdatedRules(current: Ruleset, desired: DesiredRules): Rule[] {
  const isDnat = (rule: Rule) => rule.at(-2) === "--to-destination";
  const portOf = (rule: Rule) => ruleKey(rule.slice(0, -1));
  const wantedPorts = new Set(desired.rules.filter(isDnat).map(portOf));
  const wanted = new Set(desired.rules.map(ruleKey));
  return current
    .rules(desired.chain)
    .filter((rule) => isDnat(rule) && wantedPorts.has(portOf(rule)) && !wanted.has(ruleKey(rule)));
}

/** Returns the transaction that removes chains and every rule, whoever made it, that leads to one of them. */
export function planChainRemoval(current: Ruleset, chains: readonly string[]): Transaction {
  const transaction = new Transaction();
  deleteChains(transaction, current, chains);
  return transaction;
}

/**
 * Returns the transaction that removes exactly what an ADD makes for a container, rule by rule. It fails as a whole if the
 * chain holds more or less. Undefined with conditions, since it is not known how iptables writes them.
 */
export function planExactRemoval({ chain, rules, entries }: DesiredRules): Transaction | undefined {
  if (entries.some(({ conditions }) => conditions.length > 0)) return undefined;
  const transaction = new Transaction();
  for (const entry of entries) transaction.deleteRule(dnatChain, entryWords(entry));
  for (const rule of rules) transaction.deleteRule(chain, rule);
  transaction.deleteChain(chain);
  return transaction;
}

function deleteChains(transaction: Transaction, current: Ruleset, chains: readonly string[]): void {
  const present = chains.filter((chain) => current.has(chain));
  for (const chain of present) {
    for (const jump of current.jumpsTo(chain)) transaction.deleteRule(jump.chain, jump.rule);
  }
  for (const chain of present) {
    transaction.flushChain(chain);
    transaction.deleteChain(chain);
  }
}

/**
 * Returns the transaction that takes back what an ADD did to the container's chain and the rules that lead there.
 */
export function planUnpublishing(current: Ruleset, done: readonly Operation[], chain: string): Transaction {
  if (done.some((operation) => operation.kind === "newChain" && operation.chain === chain)) {
    return planChainRemoval(current, [chain]);
  }
  const transaction = new Transaction();
  for (const operation of done) {
    if (operation.kind !== "append" || !hasRule(current, operation.chain, operation.rule)) continue;
    if (operation.chain !== chain && operation.rule.at(-1) !== chain) continue;
    transaction.deleteRule(operation.chain, operation.rule);
  }
  return transaction;
}

/**
 * Returns the transaction that takes back shared chains and jumps of an ADD, unless somebody else uses one of them.
 */
export function planSharedRemoval(current: Ruleset, done: readonly Operation[]): Transaction {
  const transaction = new Transaction();
  const made = done.flatMap(({ kind, chain }) => (kind === "newChain" && current.has(chain) ? [chain] : []));
  if (made.includes(dnatChain) && current.rules(dnatChain).length > 0) return transaction;
  const jumps = done.filter(isAddition).filter(({ rule }) => made.includes(rule.at(-1) ?? ""));
  const isOurs = (jump: PlacedRule) =>
    jumps.some(({ chain, rule }) => chain === jump.chain && sameRule(rule, jump.rule));
  if (!made.every((chain) => current.jumpsTo(chain).every(isOurs))) return transaction;
  for (const { chain, rule } of jumps) {
    if (hasRule(current, chain, rule)) transaction.deleteRule(chain, rule);
  }
  for (const chain of made) {
    transaction.flushChain(chain);
    transaction.deleteChain(chain);
  }
  return transaction;
}

function isAddition(operation: Operation): operation is Extract<Operation, { rule: unknown }> {
  return operation.kind === "append" || operation.kind === "insertFirst";
}
