import { Attributes } from "../netlink/attribute-reader.ts";
import type { AttributeWriter } from "../netlink/attribute-writer.ts";
import { NLA_F_NESTED } from "../netlink/constants.ts";
import { type Bitwise, decodeBitwise, encodeBitwise } from "./expr/bitwise.ts";
import { type Cmp, decodeCmp, encodeCmp } from "./expr/cmp.ts";
import { type Counter, decodeCounter, encodeCounter } from "./expr/counter.ts";
import { type Ct, decodeCt, encodeCt } from "./expr/ct.ts";
import { decodeFib, encodeFib, type Fib } from "./expr/fib.ts";
import {
  decodeImmediate,
  encodeImmediate,
  type Immediate,
  type VerdictExpression,
} from "./expr/immediate.ts";
import { decodeLookup, encodeLookup, type Lookup } from "./expr/lookup.ts";
import { decodeMasq, encodeMasq, type Masq } from "./expr/masq.ts";
import { decodeMeta, encodeMeta, type Meta } from "./expr/meta.ts";
import { decodeNat, encodeNat, type Nat } from "./expr/nat.ts";
import { decodePayload, encodePayload, type Payload } from "./expr/payload.ts";

const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;

/** One that nothing here understands, as the kernel sent it. */
export interface UnknownExpression {
  readonly kind: "unknown";
  readonly name: string;
  readonly data: Uint8Array;
}

/** One step of a rule, in the kernel's terms. `statement.ts` makes them from a reader's terms. */
export type Expression =
  | Bitwise
  | Cmp
  | Counter
  | Ct
  | Fib
  | Immediate
  | VerdictExpression
  | Lookup
  | Masq
  | Meta
  | Nat
  | Payload
  | UnknownExpression;

const decoders: Readonly<Record<string, (data: Uint8Array) => Expression | undefined>> = {
  bitwise: decodeBitwise,
  cmp: decodeCmp,
  counter: decodeCounter,
  ct: decodeCt,
  fib: decodeFib,
  immediate: decodeImmediate,
  lookup: decodeLookup,
  masq: decodeMasq,
  meta: decodeMeta,
  nat: decodeNat,
  payload: decodePayload,
};

/** The kernel's name of the kind of expression. */
export function expressionName(expression: Expression): string {
  switch (expression.kind) {
    case "set meta":
      return "meta";
    case "set ct":
      return "ct";
    case "verdict":
      return "immediate";
    case "snat":
    case "dnat":
      return "nat";
    case "unknown":
      return expression.name;
    default:
      return expression.kind;
  }
}

/** Writes the name and the data of an expression. */
export function encodeExpression(writer: AttributeWriter, expression: Expression): void {
  writer.text(NFTA_EXPR_NAME, expressionName(expression));
  if (expression.kind === "unknown") writer.bytes(NFTA_EXPR_DATA | NLA_F_NESTED, expression.data);
  else writer.nested(NFTA_EXPR_DATA, (data) => encodeData(data, expression));
}

function encodeData(writer: AttributeWriter, expression: Exclude<Expression, UnknownExpression>): void {
  switch (expression.kind) {
    case "bitwise":
      encodeBitwise(writer, expression);
      break;
    case "cmp":
      encodeCmp(writer, expression);
      break;
    case "counter":
      encodeCounter(writer, expression);
      break;
    case "ct":
    case "set ct":
      encodeCt(writer, expression);
      break;
    case "fib":
      encodeFib(writer, expression);
      break;
    case "immediate":
    case "verdict":
      encodeImmediate(writer, expression);
      break;
    case "lookup":
      encodeLookup(writer, expression);
      break;
    case "masq":
      encodeMasq(writer, expression);
      break;
    case "meta":
    case "set meta":
      encodeMeta(writer, expression);
      break;
    case "snat":
    case "dnat":
      encodeNat(writer, expression);
      break;
    case "payload":
      encodePayload(writer, expression);
      break;
  }
}

/** Reads what `encodeExpression` writes; what is not understood stays as it is. Throws DecodeError. */
export function decodeExpression(bytes: Uint8Array): Expression {
  const attributes = new Attributes(bytes);
  const name = attributes.text(NFTA_EXPR_NAME) ?? "";
  const data = attributes.bytes(NFTA_EXPR_DATA) ?? new Uint8Array(0);
  const decode = Object.hasOwn(decoders, name) ? decoders[name] : undefined;
  return decode?.(data) ?? { kind: "unknown", name, data };
}
