import { joinRule, type Rule, sameRule, splitRule, targetOf } from "./rule.ts";
import { parseRuleset, type Ruleset } from "./ruleset.ts";
import type { Operation, Transaction } from "./transaction.ts";

const builtIn = {
  nat: ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
  filter: ["INPUT", "FORWARD", "OUTPUT"],
} as const;

/** For tests: a table in memory that does what iptables-restore would, and refuses what it refuses. */
export class FakeTable {
  readonly #name: keyof typeof builtIn;
  readonly #chains: Map<string, Rule[]>;

  /** @param lines as `iptables-save` prints rules. Chains that they name are created. */
  constructor(name: keyof typeof builtIn, lines: readonly string[] = []) {
    this.#name = name;
    this.#chains = new Map(builtIn[name].map((chain) => [chain, []]));
    for (const line of lines) {
      const [, chain = "", rule = ""] = /^-A (\S+) (.*)$/.exec(line) ?? [];
      this.add(chain, splitRule(rule));
      const [, target] = /-j (CNI-\S+|MY-ADMIN)$/.exec(rule) ?? [];
      if (target !== undefined && !this.#chains.has(target)) this.#chains.set(target, []);
    }
  }

  /** Appends a rule by hand, to a new chain where there is none. */
  add(chain: string, rule: Rule): void {
    this.#chains.set(chain, [...(this.#chains.get(chain) ?? []), rule]);
  }

  /** Returns what was done. Throws where iptables-restore would refuse the transaction. */
  apply(transaction: Transaction): readonly Operation[] {
    for (const operation of transaction.operations) this.#perform(operation);
    return transaction.operations;
  }

  /** Its own chains, sorted. */
  get chains(): string[] {
    const kept: readonly string[] = builtIn[this.#name];
    return [...this.#chains.keys()].filter((name) => !kept.includes(name)).sort();
  }

  /** The rules as `iptables-save` prints them: those of built-in chains come first. */
  get lines(): string[] {
    return [...builtIn[this.#name], ...this.chains].flatMap((chain) =>
      this.#rules(chain).map((rule) => `-A ${chain} ${joinRule(rule)}`),
    );
  }

  /** The whole output of `iptables-save -t TABLE`. */
  get text(): string {
    const declared = [...builtIn[this.#name], ...this.chains].map((chain) => `:${chain} - [0:0]`);
    return [`*${this.#name}`, ...declared, ...this.lines, "COMMIT", ""].join("\n");
  }

  get ruleset(): Ruleset {
    return parseRuleset(this.text);
  }

  #rules(chain: string): Rule[] {
    const rules = this.#chains.get(chain);
    if (rules === undefined) throw new Error(`no chain ${chain}`);
    return rules;
  }

  #perform(operation: Operation): void {
    const { kind, chain } = operation;
    if (kind === "newChain") {
      if (this.#chains.has(chain)) throw new Error(`${chain} exists`);
      this.#chains.set(chain, []);
      return;
    }
    const rules = this.#rules(chain);
    switch (kind) {
      case "append":
        rules.push(operation.rule);
        return;
      case "insertFirst":
        rules.unshift(operation.rule);
        return;
      case "deleteRule":
        this.#deleteRule(rules, operation.rule);
        return;
      case "flushChain":
        rules.length = 0;
        return;
      case "deleteChain":
        this.#deleteChain(chain, rules);
    }
  }

  #deleteRule(rules: Rule[], rule: Rule): void {
    const index = rules.findIndex((other) => sameRule(other, rule));
    if (index === -1) throw new Error(`no rule ${joinRule(rule)}`);
    rules.splice(index, 1);
  }

  #deleteChain(chain: string, rules: readonly Rule[]): void {
    const isUsed = [...this.#chains.values()].flat().some((rule) => targetOf(rule) === chain);
    if (isUsed || rules.length > 0) throw new Error(`${chain} is in use`);
    this.#chains.delete(chain);
  }
}
