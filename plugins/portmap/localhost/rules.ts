import { commentOf, type Rule, sameRule, targetOf } from "../../../shared/iptables/rule.ts";
import { hasRule, type Ruleset } from "../../../shared/iptables/ruleset.ts";
import { Transaction } from "../../../shared/iptables/transaction.ts";

/**
 * What table `cni_localhost` is, in table filter of iptables, for kernels without nf_tables: a rule for each container
 * that publishes ports. As that of kube-proxy it is behind connection tracking, and lets pass what was translated. All
 * of this is pure.
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

/** Says that this plugin has set `route_localnet`, and is to take it back. */
function openedRule(name: string): Rule {
  return ["-i", name, "-m", "comment", "--comment", "route_localnet was 0"];
}

/** @param opens this plugin is about to set `route_localnet`. */
export function planGuard(current: Ruleset, owner: string, name: string, opens: boolean): Transaction {
  const transaction = new Transaction();
  if (!current.has(guardChain)) transaction.newChain(guardChain);
  for (const rule of [guardRule(owner, name), ...(opens ? [openedRule(name)] : [])]) {
    if (!hasRule(current, guardChain, rule)) transaction.append(guardChain, rule);
  }
  if (!hasRule(current, "INPUT", jump)) transaction.insertFirst("INPUT", jump);
  return transaction;
}

/** What goes with some owners. */
interface Release {
  readonly transaction: Transaction;
  /** Interfaces without containers by then that this plugin has opened. */
  readonly closing: readonly string[];
}

/** Removes the rules of the owners that leave, and with an interface's last container the rest. */
export function planRelease(current: Ruleset, leaves: (owner: string) => boolean): Release {
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

/** The rules of this chain begin with it. */
function interfaceOf([, name = ""]: Rule): string {
  return name;
}
