import { Attributes, eachAttribute } from "../netlink/attribute-reader.ts";
import { AttributeWriter } from "../netlink/attribute-writer.ts";
import { NLM_F_APPEND, NLM_F_CREATE } from "../netlink/constants.ts";
import { readU64, sameBytes, u64Bytes } from "./bytes.ts";
import { type ChainName, describeChain } from "./chain.ts";
import type { Command, TableName } from "./command.ts";
import { decodeExpression, type Expression, encodeExpression, expressionName } from "./expression.ts";
import {
  NFT_MSG_DELRULE,
  NFT_MSG_NEWRULE,
  NFTA_LIST_ELEM,
  NFTA_RULE_CHAIN,
  NFTA_RULE_EXPRESSIONS,
  NFTA_RULE_HANDLE,
  NFTA_RULE_TABLE,
  NFTA_RULE_USERDATA,
} from "./protocol.ts";
import { commentIn, commentUserdata, encodeUserdata } from "./userdata.ts";

/** What a rule does. `compileRule` of statement.ts makes expressions from a reader's terms. */
export interface Rule {
  readonly expressions: readonly Expression[];
  readonly comment?: string;
}

/** A rule as the kernel has it. */
export interface ListedRule extends Rule {
  readonly chain: ChainName;
  /** Names this rule and never another of the same table. */
  readonly handle: bigint;
}

/** Adds a rule behind the others of its chain. Throws RangeError for an impossible comment. */
export function addRule(chain: ChainName, { expressions, comment }: Rule): Command {
  const body = new AttributeWriter()
    .raw(ruleScope(chain.table, chain.name))
    .nestedBytes(NFTA_RULE_EXPRESSIONS, encodeExpressions(expressions));
  if (comment !== undefined) body.bytes(NFTA_RULE_USERDATA, encodeUserdata([commentUserdata(comment)]));
  return {
    type: NFT_MSG_NEWRULE,
    flags: NLM_F_CREATE | NLM_F_APPEND,
    family: chain.table.family,
    body: body.finish(),
    operation: `cannot add rule to chain ${describeChain(chain)}`,
    items: expressions.map(describeExpression),
  };
}

/** Deletes a rule. ENOENT when it is not there. */
export function deleteRule({ chain, handle }: Pick<ListedRule, "chain" | "handle">): Command {
  return {
    type: NFT_MSG_DELRULE,
    flags: 0,
    family: chain.table.family,
    body: new AttributeWriter()
      .raw(ruleScope(chain.table, chain.name))
      .bytes(NFTA_RULE_HANDLE, u64Bytes(handle))
      .finish(),
    operation: `cannot delete rule ${handle} of chain ${describeChain(chain)}`,
  };
}

/** The attributes that ask for the rules of a table, or of one of its chains. */
export function ruleScope(table: TableName, chain?: string): Uint8Array {
  const body = new AttributeWriter().text(NFTA_RULE_TABLE, table.name);
  if (chain !== undefined) body.text(NFTA_RULE_CHAIN, chain);
  return body.finish();
}

/** The name of a rule's chain. Throws DecodeError. */
export function chainOfRule(bytes: Uint8Array): string {
  return new Attributes(bytes).text(NFTA_RULE_CHAIN) ?? "";
}

/** Reads the attributes of a rule. Throws DecodeError. */
export function decodeRule(family: TableName["family"], bytes: Uint8Array): ListedRule {
  const attributes = new Attributes(bytes);
  const comment = commentIn(attributes.bytes(NFTA_RULE_USERDATA));
  const list = attributes.bytes(NFTA_RULE_EXPRESSIONS) ?? new Uint8Array(0);
  return {
    chain: {
      table: { family, name: attributes.text(NFTA_RULE_TABLE) ?? "" },
      name: attributes.text(NFTA_RULE_CHAIN) ?? "",
    },
    handle: readU64(attributes.bytes(NFTA_RULE_HANDLE)) ?? 0n,
    expressions: eachAttribute(list).map(({ value }) => decodeExpression(value)),
    ...(comment === undefined ? {} : { comment }),
  };
}

/** Whether two rules do the same and say the same. What counters have counted does not matter. */
export function sameRule(a: Rule, b: Rule): boolean {
  return a.comment === b.comment && sameBytes(bytesToCompare(a), bytesToCompare(b));
}

function bytesToCompare(rule: Rule): Uint8Array {
  const bare = rule.expressions.map((expression) =>
    expression.kind === "counter" ? { ...expression, bytes: 0n, packets: 0n } : expression,
  );
  return encodeExpressions(bare);
}

function encodeExpressions(expressions: readonly Expression[]): Uint8Array {
  const list = new AttributeWriter();
  for (const expression of expressions) {
    list.nested(NFTA_LIST_ELEM, (item) => encodeExpression(item, expression));
  }
  return list.finish();
}

/** For errors: the kernel's name of the expression, and what it looks at or leads to. */
function describeExpression(expression: Expression): string {
  const name = expressionName(expression);
  switch (expression.kind) {
    case "meta":
    case "set meta":
    case "ct":
    case "set ct":
      return `${name} ${expression.key}`;
    case "lookup":
      return `${name} @${expression.set}`;
    case "verdict":
      return "chain" in expression.verdict
        ? `${expression.verdict.kind} ${expression.verdict.chain}`
        : expression.verdict.kind;
    default:
      return name;
  }
}
