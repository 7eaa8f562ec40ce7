import { joinRule, type Rule } from "../../shared/iptables/rule.ts";
import { parseRuleset, type Ruleset } from "../../shared/iptables/ruleset.ts";
import type { Transaction } from "../../shared/iptables/transaction.ts";

/** For tests: a table nat in memory that does what iptables-restore would, and refuses what it refuses. */
export class TestTable {
  readonly #chains = new Map<string, string[]>(
    ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"].map((chain) => [chain, []]),
  );

  /** `-A CHAIN RULE` by hand. */
  add(chain: string, rule: Rule): void {
    const rules = this.#chains.get(chain) ?? [];
    this.#chains.set(chain, [...rules, joinRule(rule)]);
  }

  apply(transaction: Transaction): void {
    for (const operation of transaction.operations) {
      const { kind, chain } = operation;
      const rules = this.#chains.get(chain);
      if ((kind === "newChain") !== (rules === undefined)) throw new Error(`${kind} ${chain}`);
      if ("rule" in operation) this.#change(operation.kind, rules ?? [], joinRule(operation.rule));
      else if (kind === "deleteChain") this.#delete(chain);
      else this.#chains.set(chain, []);
    }
  }

  get ruleset(): Ruleset {
    return parseRuleset(this.text);
  }

  /** As `iptables-save -t nat` prints it. */
  get text(): string {
    const names = [...this.#chains.keys()].sort();
    const rules = names.flatMap((name) => (this.#chains.get(name) ?? []).map((rule) => `-A ${name} ${rule}`));
    return ["*nat", ...names.map((name) => `:${name} - [0:0]`), ...rules, "COMMIT", ""].join("\n");
  }

  #delete(chain: string): void {
    const isUsed = [...this.#chains.values()].flat().some((rule) => rule.endsWith(` ${chain}`));
    if (isUsed || this.#chains.get(chain)?.length !== 0) throw new Error(`${chain} is in use`);
    this.#chains.delete(chain);
  }

  #change(kind: "append" | "insertFirst" | "deleteRule", rules: string[], rule: string): void {
    if (kind === "append") rules.push(rule);
    else if (kind === "insertFirst") rules.unshift(rule);
    else {
      const index = rules.indexOf(rule);
      if (index === -1) throw new Error(`no rule ${rule}`);
      rules.splice(index, 1);
    }
  }
}
