import type { AttributeWriter } from "../../netlink/attribute-writer.ts";
import { readData, writeData } from "../data.ts";
import { type Register, registerFromNumber, registerNumber } from "../register.ts";
import { knownAttributes } from "./known-attributes.ts";

const NFTA_CMP_SREG = 1;
const NFTA_CMP_OP = 2;
const NFTA_CMP_DATA = 3;

/** enum nft_cmp_ops */
const operators = { "==": 0, "!=": 1, "<": 2, "<=": 3, ">": 4, ">=": 5 } as const;
const operatorNames = ["==", "!=", "<", "<=", ">", ">="] as const;
type CmpOperator = keyof typeof operators;

/** Goes on with the rule only if a register compares so with a constant (byte by byte). */
export interface Cmp {
  readonly kind: "cmp";
  readonly operator: CmpOperator;
  readonly register: Register;
  readonly value: Uint8Array;
}

export function encodeCmp(writer: AttributeWriter, { operator, register, value }: Cmp): void {
  writer.u32be(NFTA_CMP_SREG, registerNumber(register)).u32be(NFTA_CMP_OP, operators[operator]);
  writeData(writer, NFTA_CMP_DATA, { value });
}

export function decodeCmp(bytes: Uint8Array): Cmp | undefined {
  const attributes = knownAttributes(bytes, NFTA_CMP_SREG, NFTA_CMP_OP, NFTA_CMP_DATA);
  const register = registerFromNumber(attributes?.u32be(NFTA_CMP_SREG));
  const operator = operatorNames[attributes?.u32be(NFTA_CMP_OP) ?? -1];
  const data = readData(attributes?.bytes(NFTA_CMP_DATA));
  if (register === undefined || operator === undefined || data === undefined || !("value" in data)) {
    return undefined;
  }
  return { kind: "cmp", operator, register, value: data.value };
}
