import { joinRule, quoteWord, type Rule } from "./rule.ts";

/** One step of a transaction. */
export type Operation =
  | { readonly kind: "newChain" | "flushChain" | "deleteChain"; readonly chain: string }
  | { readonly kind: "append" | "insertFirst" | "deleteRule"; readonly chain: string; readonly rule: Rule };

/**
 * Changes of one table, applied all together or not at all by one iptables-restore, in the order in which they were
 * recorded. Chains are made with `-N` (a `:CHAIN` line would empty an existing one) and rules are removed by their
 * text (`-D`): when somebody else changed the same things in between, the whole fails instead of doing damage.
 */
export class Transaction {
  readonly #operations: Operation[] = [];

  get isEmpty(): boolean {
    return this.#operations.length === 0;
  }

  get operations(): readonly Operation[] {
    return this.#operations;
  }

  newChain(chain: string): void {
    this.#operations.push({ kind: "newChain", chain });
  }

  append(chain: string, rule: Rule): void {
    this.#operations.push({ kind: "append", chain, rule });
  }

  insertFirst(chain: string, rule: Rule): void {
    this.#operations.push({ kind: "insertFirst", chain, rule });
  }

  deleteRule(chain: string, rule: Rule): void {
    this.#operations.push({ kind: "deleteRule", chain, rule });
  }

  flushChain(chain: string): void {
    this.#operations.push({ kind: "flushChain", chain });
  }

  /** The chain must be empty and unused by then. */
  deleteChain(chain: string): void {
    this.#operations.push({ kind: "deleteChain", chain });
  }

  /** The input of `iptables-restore --noflush`. Throws Failure `invalid` on a control character. */
  toText(table: string): string {
    const lines = this.#operations.map(line);
    return [`*${table}`, ...lines, "COMMIT", ""].join("\n");
  }
}

const letters = {
  newChain: "-N",
  flushChain: "-F",
  deleteChain: "-X",
  append: "-A",
  insertFirst: "-I",
  deleteRule: "-D",
} as const;

function line(operation: Operation): string {
  const command = `${letters[operation.kind]} ${quoteWord(operation.chain)}`;
  if (!("rule" in operation)) return command;
  const position = operation.kind === "insertFirst" ? " 1" : "";
  return `${command}${position} ${joinRule(operation.rule)}`;
}
