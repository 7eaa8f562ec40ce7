import { joinRule, type Rule, sameRule, splitRule } from "../../shared/iptables/rule.ts";
import { parseRuleset, type Ruleset } from "../../shared/iptables/ruleset.ts";
import type { Operation, Transaction } from "../../shared/iptables/transaction.ts";

/** For tests: a table in memory that does what iptables-restore would do to it. */
export class TableModel {
  #chains = new Map<string, Rule[]>([
    ["INPUT", []],
    ["FORWARD", []],
    ["OUTPUT", []],
  ]);

  constructor(lines: readonly string[] = []) {
    for (const line of lines) {
      const [, chain = "", rule = ""] = /^-A (\S+) (.*)$/.exec(line) ?? [];
      const rules = this.#chains.get(chain) ?? [];
      this.#chains.set(chain, [...rules, splitRule(rule)]);
      const [, target] = /-j (CNI-\S+|MY-ADMIN)$/.exec(rule) ?? [];
      if (target !== undefined && !this.#chains.has(target)) this.#chains.set(target, []);
    }
  }

  /** The lines that iptables-save would print, `:CHAIN` lines left out. */
  get lines(): string[] {
    const names = [...this.#chains.keys()];
    const own = names.filter((name) => name.includes("-")).sort();
    return [...names.filter((name) => !name.includes("-")), ...own].flatMap((chain) =>
      this.#rules(chain).map((rule) => `-A ${chain} ${joinRule(rule)}`),
    );
  }

  get chains(): string[] {
    return [...this.#chains.keys()].filter((name) => name.includes("-")).sort();
  }

  read(): Ruleset {
    const declared = [...this.#chains.keys()].map((chain) => `:${chain} - [0:0]`);
    return parseRuleset([...declared, ...this.lines].join("\n"));
  }

  /** Throws, as iptables-restore would, when the transaction does not fit. */
  apply(transaction: Transaction): readonly Operation[] {
    for (const operation of transaction.operations) this.#perform(operation);
    return transaction.operations;
  }

  #rules(chain: string): Rule[] {
    const rules = this.#chains.get(chain);
    if (rules === undefined) throw new Error(`no chain ${chain}`);
    return rules;
  }

  #perform(operation: Operation): void {
    const { chain } = operation;
    if (operation.kind === "newChain") {
      if (this.#chains.has(chain)) throw new Error(`${chain} exists`);
      this.#chains.set(chain, []);
    } else if (operation.kind === "append") {
      this.#rules(chain).push(operation.rule);
    } else if (operation.kind === "insertFirst") {
      this.#rules(chain).unshift(operation.rule);
    } else if (operation.kind === "deleteRule") {
      const rules = this.#rules(chain);
      const at = rules.findIndex((rule) => sameRule(rule, operation.rule));
      if (at === -1) throw new Error(`no rule ${joinRule(operation.rule)} in ${chain}`);
      rules.splice(at, 1);
    } else if (operation.kind === "deleteChain") {
      const used = this.lines.some((line) => line.endsWith(`-j ${chain}`));
      if (used || this.#rules(chain).length > 0) throw new Error(`${chain} is in use`);
      this.#chains.delete(chain);
    } else {
      throw new Error(`${operation.kind} is not used here`);
    }
  }
}
