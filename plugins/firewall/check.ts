import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { CniError, ErrorCode } from "../../shared/errors/cni-error.ts";
import { readRules } from "../../shared/iptables/client.ts";
import type { Rule } from "../../shared/iptables/rule.ts";
import { hasRule, type Ruleset } from "../../shared/iptables/ruleset.ts";
import { addressesOf, families, isolationOf, ofFamily } from "./attachment.ts";
import type { FirewallConfig } from "./config.ts";
import { isolationIsBypassed, type Wanted, wantedRules } from "./plan.ts";
import { forwardJump, isolationJump } from "./rules.ts";

/** Compares the rules with what ADD makes; changes nothing. Throws CniError code 105 at the first difference. */
export function check(request: Request, config: FirewallConfig): void {
  const result = requirePrevResult(request, "firewall");
  const isolation = isolationOf(config, result);
  for (const family of families) {
    const addresses = ofFamily(addressesOf(result), family);
    if (addresses.length === 0) continue;
    const wanted: Wanted = { addresses, adminChain: config.adminChain, ...(isolation && { isolation }) };
    const difference = differenceFrom(readRules(family, "filter"), wanted);
    if (difference === undefined) continue;
    const tool = family === 4 ? "iptables" : "ip6tables";
    throw new CniError(
      ErrorCode.checkMismatch,
      difference.text,
      `see "${tool} -S ${difference.chain}"; the next ADD on this host makes shared rules again, a new ADD of this container its own`,
    );
  }
}

/** The first thing that is not as ADD leaves it. */
export function differenceFrom(
  current: Ruleset,
  wanted: Wanted,
): { readonly chain: string; readonly text: string } | undefined {
  const jumps = wanted.isolation === undefined ? [forwardJump] : [forwardJump, isolationJump];
  const expected = [...jumps.map((rule) => ({ chain: "FORWARD", rule })), ...wantedRules(wanted)];
  const missing = expected.find(({ chain, rule }) => !hasRule(current, chain, rule));
  if (missing !== undefined) return { chain: missing.chain, text: missingText(missing.chain, missing.rule) };
  if (wanted.isolation === undefined || !isolationIsBypassed(current)) return undefined;
  return {
    chain: "FORWARD",
    text: "the jump to CNI-FORWARD is above the one to CNI-ISOLATION-STAGE-1: isolation is bypassed",
  };
}

/** Rules of an address are told apart by the address, others by their chain: the reference plugin's wording. */
function missingText(chain: string, rule: Rule): string {
  const which = rule[0] === "-d" || rule[0] === "-s" ? "expected rule" : `expected ${chain} rule`;
  return `${which} [${rule.join(" ")}] not found`;
}
