import type { Family } from "./protocol.ts";

/** One change of the ruleset, to be sent as a part of a batch. */
export interface Command {
  /** NFT_MSG_* */
  readonly type: number;
  /** NLM_F_* besides those that every request has. */
  readonly flags: number;
  readonly family: Family;
  /** Attributes. */
  readonly body: Uint8Array;
  /** For errors: `cannot add rule to chain inet cni masq`. */
  readonly operation: string;
  /** For errors: what the items of the message's list are, in order; expressions of a rule, keys of elements. */
  readonly items?: readonly string[];
}

/** Where a table is found. */
export interface TableName {
  readonly family: Family;
  readonly name: string;
}

/** A table's name as people write it: `inet cni`. */
export function describeTable({ family, name }: TableName): string {
  return `${family} ${name}`;
}

/** Name of something in a table as people write it: `inet cni masq`. */
export function describeInTable(table: TableName, name: string): string {
  return `${describeTable(table)} ${name}`;
}
