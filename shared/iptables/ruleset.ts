import { type Rule, ruleKey, sameRule, splitRule, targetOf } from "./rule.ts";

/** The chains and rules of one table of one family, as read at one moment. */
export interface Ruleset {
  /** True when the chain exists, built-in chains included. */
  has(chain: string): boolean;
  /** The chain's rules in order; empty when there is no such chain. */
  rules(chain: string): readonly Rule[];
  /** Those of the chain's rules whose lines hold one of these texts: the others are not even split. */
  rulesWith(chain: string, texts: readonly string[]): readonly Rule[];
  /** Those of the chain's rules that are among these, duplicates included. */
  matching(chain: string, rules: readonly Rule[]): readonly Rule[];
  /** Whether the chain holds this very rule. For the first questions only lines that name its longest word are looked at. */
  hasRule(chain: string, rule: Rule): boolean;
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

/** After so many questions about rules of one chain, all of its lines are split once rather than looked at again. */
const manyQuestions = 16;

/**
 * Reads the output of `iptables-save -t TABLE`, with or without counters, or of `iptables -t TABLE -S`. Rules are split
 * when they are asked for.
 */
export function parseRuleset(saveOutput: string): Ruleset {
  const lines = new Map<string, string[]>();
  const chainLines = (chain: string): string[] => {
    const found = lines.get(chain);
    if (found !== undefined) return found;
    const made: string[] = [];
    lines.set(chain, made);
    return made;
  };
  eachLine(saveOutput, (line) => {
    const chain = declaredChain(line);
    if (chain !== undefined) {
      chainLines(chain);
      return;
    }
    const start = startOfRule(line);
    if (start === -1) return;
    const end = line.indexOf(" ", start);
    if (end === -1) chainLines(line.slice(start)).push("");
    else chainLines(line.slice(start, end)).push(line.slice(end + 1));
  });
  const split = new Map<string, readonly Rule[]>();
  const rulesOf = (chain: string): readonly Rule[] => {
    const done = split.get(chain);
    if (done !== undefined) return done;
    const rules = (lines.get(chain) ?? []).map(splitRule);
    split.set(chain, rules);
    return rules;
  };
  const questions = new Map<string, number>();
  const keys = new Map<string, ReadonlySet<string>>();
  const isAmongAll = (chain: string, rule: Rule): boolean => {
    const known = keys.get(chain) ?? new Set(rulesOf(chain).map(ruleKey));
    keys.set(chain, known);
    return known.has(ruleKey(rule));
  };
  return {
    has: (chain) => lines.has(chain),
    rules: rulesOf,
    rulesWith: (chain, texts) =>
      (lines.get(chain) ?? []).filter((line) => texts.some((text) => line.includes(text))).map(splitRule),
    matching: (chain, rules) => {
      if (rules.length > manyQuestions) {
        const wanted = new Set(rules.map(ruleKey));
        return rulesOf(chain).filter((rule) => wanted.has(ruleKey(rule)));
      }
      const isOne = matcher(rules);
      return (lines.get(chain) ?? []).filter(isOne).map(splitRule);
    },
    hasRule: (chain, rule) => {
      const asked = (questions.get(chain) ?? 0) + 1;
      questions.set(chain, asked);
      return asked > manyQuestions ? isAmongAll(chain, rule) : (lines.get(chain) ?? []).some(matcher([rule]));
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
  return ruleset.hasRule(chain, rule);
}

/** Says whether a line is one of the rules. Only lines that hold a rule's longest word are split. */
function matcher(rules: readonly Rule[]): (text: string) => boolean {
  const named = rules.map((rule) => ({ rule, name: longestWord(rule) }));
  return (text) => named.some(({ rule, name }) => text.includes(name) && sameRule(splitRule(text), rule));
}

/** Calls `work` with every line. Does without a list of all: a busy host has tens of thousands. */
function eachLine(text: string, work: (line: string) => void): void {
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    work(text.slice(start, end));
    start = end + 1;
  }
}

/** The chain that a line says there is: `:CHAIN POLICY [0:0]`, `-P CHAIN POLICY` or `-N CHAIN`. */
function declaredChain(line: string): string | undefined {
  const start = line.startsWith(":") ? 1 : line.startsWith("-P ") || line.startsWith("-N ") ? 3 : -1;
  if (start === -1) return undefined;
  const end = line.indexOf(" ", start);
  return line.slice(start, end === -1 ? undefined : end) || undefined;
}

/** Where the chain's name begins in a line that appends a rule, with or without counters before it; else -1. */
function startOfRule(line: string): number {
  if (line.startsWith("-A ")) return 3;
  const [counters] = /^\[\d+:\d+\] -A /.exec(line) ?? [];
  return counters === undefined ? -1 : counters.length;
}

/** The longest of those words that are printed as they are; "", which every line holds, when there is none. */
function longestWord(rule: Rule): string {
  const plain = rule.filter((word) => /^[\w./:-]+$/.test(word));
  return plain.reduce((longest, word) => (word.length > longest.length ? word : longest), "");
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
