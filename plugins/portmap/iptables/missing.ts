import { joinRule, type Rule } from "../../../shared/iptables/rule.ts";
import { hasRule, type Ruleset } from "../../../shared/iptables/ruleset.ts";
import { dnatChain } from "./names.ts";
import { type DesiredRules, entryFinder, entryWords } from "./rules.ts";

/** Returns the first thing that table nat lacks of the desired rules, in words; undefined when all is there. */
export function missingRule(current: Ruleset, desired: DesiredRules): string | undefined {
  const chains = [desired.chain, ...desired.sharedChains.map(({ chain }) => chain)];
  const chain = chains.find((name) => !current.has(name));
  if (chain !== undefined) return `chain ${chain} not found in iptables table nat`;

  const leading = current.jumpsTo(desired.chain).filter((jump) => jump.chain === dnatChain);
  const present = entryFinder(leading.map(({ rule }) => rule));
  const entry = desired.entries.find((wanted) => present(wanted).length === 0);
  if (entry !== undefined) return notFound(dnatChain, entryWords(entry));

  const rules = [
    ...desired.rules.map((rule) => ({ chain: desired.chain, rule })),
    ...desired.sharedChains.flatMap(({ chain: shared, rule }) =>
      rule === undefined ? [] : [{ chain: shared, rule }],
    ),
    ...desired.jumps,
  ];
  const absent = rules.find((wanted) => !hasRule(current, wanted.chain, wanted.rule));
  return absent === undefined ? undefined : notFound(absent.chain, absent.rule);
}

function notFound(chain: string, rule: Rule): string {
  return `rule [${joinRule(rule)}] in chain ${chain} not found in table nat`;
}
