import { type Rule, sameRule, splitRule, targetOf } from "./rule.ts";

/** The chains and rules of one table of one family, as read at one moment. */
export interface Ruleset {
  /** True when the chain exists, built-in chains included. */
  has(chain: string): boolean;
  /** The chain's rules in order; empty when there is no such chain. */
  rules(chain: string): readonly Rule[];
  /** The rules, in all chains, that hand packets to this chain. Only lines that name it are looked at. */
  jumpsTo(chain: string): readonly PlacedRule[];
  /** All chains, in the order in which they were printed. */
  readonly chains: readonly string[];
}

/** A rule and the chain that holds it. */
export interface PlacedRule {
  readonly chain: string;
  readonly rule: Rule;
}

/** Reads the output of `iptables-save -t TABLE`, with or without counters. Rules are split when they are asked for. */
export function parseRuleset(saveOutput: string): Ruleset {
  const lines = new Map<string, string[]>();
  const chainLines = (chain: string): string[] => {
    const found = lines.get(chain);
    if (found !== undefined) return found;
    const made: string[] = [];
    lines.set(chain, made);
    return made;
  };
  for (const line of saveOutput.split("\n")) {
    const [, chain, appendedTo, rest = ""] = /^(?::(\S+) |(?:\[\d+:\d+\] )?-A (\S+) ?(.*))/.exec(line) ?? [];
    if (chain !== undefined) chainLines(chain);
    else if (appendedTo !== undefined) chainLines(appendedTo).push(rest);
  }
  const split = new Map<string, readonly Rule[]>();
  return {
    has: (chain) => lines.has(chain),
    rules: (chain) => {
      const done = split.get(chain);
      if (done !== undefined) return done;
      const rules = (lines.get(chain) ?? []).map(splitRule);
      split.set(chain, rules);
      return rules;
    },
    jumpsTo: (target) => {
      const found: PlacedRule[] = [];
      for (const [chain, texts] of lines) {
        for (const text of texts) {
          if (!text.includes(target)) continue;
          const rule = splitRule(text);
          if (targetOf(rule) === target) found.push({ chain, rule });
        }
      }
      return found;
    },
    chains: [...lines.keys()],
  };
}

/** True when the chain holds this very rule. */
export function hasRule(ruleset: Ruleset, chain: string, rule: Rule): boolean {
  return ruleset.rules(chain).some((present) => sameRule(present, rule));
}

/** True when both outputs of `iptables-save` tell the same chains and rules: dates and counters do not count. */
export function sameRulesetText(a: string, b: string): boolean {
  return contentOf(a) === contentOf(b);
}

function contentOf(saveOutput: string): string {
  return saveOutput
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .map((line) => line.replace(/\[\d+:\d+\]/, ""))
    .join("\n");
}
