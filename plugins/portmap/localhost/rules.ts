import { commentOf, type Rule, sameRule, targetOf } from "../../../shared/iptables/rule.ts";
import { hasRule, type Ruleset } from "../../../shared/iptables/ruleset.ts";
import { Transaction } from "../../../shared/iptables/transaction.ts";

/**
 * The guard of 127.0.0.1 in table filter of iptables, for kernels without nf_tables, where table `cni_localhost` cannot be:
 * a rule for each container that publishes ports. Like kube-proxy's it runs after connection tracking, so it must accept
 * translated packets. All of this is pure.
 */
export const guardChain = "CNI-HOSTPORT-LOCAL";

const jump: Rule = [
  ...["-d", "127.0.0.0/8", "!", "-i", "lo", "-m", "comment", "--comment", "CNI portfwd: for the host alone"],
  ...["-j", guardChain],
];

function guardRule(owner: string, name: string): Rule {
  const answers = ["-m", "conntrack", "!", "--ctstate", "RELATED,ESTABLISHED,DNAT"];
  return ["-i", name, ...answers, "-m", "comment", "--comment", owner, "-j", "DROP"];
}

/** Returns the rule that records that this plugin has set `route_localnet` and has to take it back. */
function openedRule(name: string): Rule {
  return ["-i", name, "-m", "comment", "--comment", "route_localnet was 0"];
}

/**
 * Returns the transaction that adds the rules of an owner.
 *
 * @param opens whether this plugin is about to set `route_localnet`.
 */
export function planGuard(current: Ruleset, owner: string, name: string, opens: boolean): Transaction {
  const transaction = new Transaction();
  if (!current.has(guardChain)) transaction.newChain(guardChain);
  for (const rule of [guardRule(owner, name), ...(opens ? [openedRule(name)] : [])]) {
    if (!hasRule(current, guardChain, rule)) transaction.append(guardChain, rule);
  }
  if (!hasRule(current, "INPUT", jump)) transaction.insertFirst("INPUT", jump);
  return transaction;
}

/** What is removed for owners that leave. */
interface Release {
  readonly transaction: Transaction;
  /** Interfaces that this plugin has opened, and that have no containers any more. */
  readonly closing: readonly string[];
}

/**
 * Returns the removal of the rules of owners that leave, and of an interface's other rules with its last container.
 */
export function planGuardRemoval(current: Ruleset, leaves: (owner: string) => boolean): Release {
  const transaction = new Transaction();
  const rules = current.rules(guardChain);
  const isGuard = (rule: Rule) => targetOf(rule) === "DROP";
  const leaving = rules.filter((rule) => isGuard(rule) && leaves(commentOf(rule) ?? ""));
  const staying = rules.filter((rule) => isGuard(rule) && !leaving.includes(rule)).map(interfaceOf);
  const opened = rules.filter((rule) => sameRule(rule, openedRule(interfaceOf(rule))));
  const closing = opened.filter((rule) => !staying.includes(interfaceOf(rule)));
  for (const rule of [...leaving, ...closing]) transaction.deleteRule(guardChain, rule);
  if (current.has(guardChain) && leaving.length + closing.length === rules.length) {
    if (hasRule(current, "INPUT", jump)) transaction.deleteRule("INPUT", jump);
    transaction.deleteChain(guardChain);
  }
  return { transaction, closing: closing.map(interfaceOf) };
}

/** Returns the interface of a rule of this chain: each begins with it. */
function interfaceOf([, name = ""]: Rule): string {
  return name;
}
