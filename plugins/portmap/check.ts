import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { CniError, ErrorCode } from "../../shared/errors/cni-error.ts";
import { readRules } from "../../shared/iptables/client.ts";
import { joinRule, type Rule } from "../../shared/iptables/rule.ts";
import { hasRule, type Ruleset } from "../../shared/iptables/ruleset.ts";
import type { PortmapConfig } from "./config.ts";
import { publishedFamilies } from "./families.ts";
import { dnatChain } from "./names.ts";
import { type DesiredRules, desiredRules, entryWords, isEntryRule } from "./rules.ts";

/** CHECK: every rule that ADD makes is there. Throws CniError code 105 with the first one that is not. */
export function check(request: Request, config: PortmapConfig): void {
  const previous = requirePrevResult(request, "portmap");
  for (const { family, address } of publishedFamilies(config, previous, request.ifname)) {
    const missing = firstMissing(readRules(family, "nat"), desiredRules(request, config, address));
    if (missing === undefined) continue;
    throw new CniError(
      ErrorCode.checkMismatch,
      `could not check ipv${family} dnat: ${missing}`,
      "the ports are not published as configured: DEL and ADD the container again",
    );
  }
}

/** What is missing, in words; undefined when all is there. */
export function firstMissing(current: Ruleset, desired: DesiredRules): string | undefined {
  const chains = [desired.chain, ...desired.sharedChains.map(({ chain }) => chain)];
  const chain = chains.find((name) => !current.has(name));
  if (chain !== undefined) return `chain ${chain} not found in iptables table nat`;

  const leading = current.jumpsTo(desired.chain).filter((jump) => jump.chain === dnatChain);
  const entry = desired.entries.find((wanted) => !leading.some(({ rule }) => isEntryRule(wanted, rule)));
  if (entry !== undefined) return missingRule(dnatChain, entryWords(entry));

  const rules = [
    ...desired.rules.map((rule) => ({ chain: desired.chain, rule })),
    ...desired.sharedChains.flatMap(({ chain: shared, rule }) =>
      rule === undefined ? [] : [{ chain: shared, rule }],
    ),
    ...desired.jumps,
  ];
  const absent = rules.find((wanted) => !hasRule(current, wanted.chain, wanted.rule));
  return absent === undefined ? undefined : missingRule(absent.chain, absent.rule);
}

function missingRule(chain: string, rule: Rule): string {
  return `rule [${joinRule(rule)}] in chain ${chain} not found in table nat`;
}
