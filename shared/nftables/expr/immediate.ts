import type { AttributeWriter } from "../../netlink/attribute-writer.ts";
import { readData, type Verdict, writeData } from "../data.ts";
import { NFT_REG_VERDICT } from "../protocol.ts";
import { type Register, registerFromNumber, registerNumber } from "../register.ts";
import { knownAttributes } from "./known-attributes.ts";

const NFTA_IMMEDIATE_DREG = 1;
const NFTA_IMMEDIATE_DATA = 2;

/** Puts a constant into a register. */
export interface Immediate {
  readonly kind: "immediate";
  readonly register: Register;
  readonly value: Uint8Array;
}

/** Ends the rule with a verdict: to the kernel, a constant for the verdict's own register. */
export interface VerdictExpression {
  readonly kind: "verdict";
  readonly verdict: Verdict;
}

export function encodeImmediate(writer: AttributeWriter, expression: Immediate | VerdictExpression): void {
  const isVerdict = expression.kind === "verdict";
  writer.u32be(NFTA_IMMEDIATE_DREG, isVerdict ? NFT_REG_VERDICT : registerNumber(expression.register));
  writeData(writer, NFTA_IMMEDIATE_DATA, isVerdict ? expression : { value: expression.value });
}

export function decodeImmediate(bytes: Uint8Array): Immediate | VerdictExpression | undefined {
  const attributes = knownAttributes(bytes, NFTA_IMMEDIATE_DREG, NFTA_IMMEDIATE_DATA);
  const number = attributes?.u32be(NFTA_IMMEDIATE_DREG);
  const data = readData(attributes?.bytes(NFTA_IMMEDIATE_DATA));
  if (data === undefined) return undefined;
  if ("verdict" in data) {
    return number === NFT_REG_VERDICT ? { kind: "verdict", verdict: data.verdict } : undefined;
  }
  const register = registerFromNumber(number);
  return register === undefined ? undefined : { kind: "immediate", register, value: data.value };
}
