import type { AttributeWriter } from "../../netlink/attribute-writer.ts";
import { type Register, registerFromNumber, registerNumber } from "../register.ts";
import { knownAttributes } from "./known-attributes.ts";

const NFTA_CT_DREG = 1;
const NFTA_CT_KEY = 2;
const NFTA_CT_SREG = 4;

/** enum nft_ct_keys */
const keys = { state: 0, direction: 1, status: 2, mark: 3 } as const;
const keyNames = ["state", "direction", "status", "mark"] as const;
type CtKey = keyof typeof keys;

/** Loads something that is known of the packet's connection, or sets it. */
export interface Ct {
  readonly kind: "ct" | "set ct";
  readonly key: CtKey;
  readonly register: Register;
}

export function encodeCt(writer: AttributeWriter, { kind, key, register }: Ct): void {
  const type = kind === "ct" ? NFTA_CT_DREG : NFTA_CT_SREG;
  writer.u32be(NFTA_CT_KEY, keys[key]).u32be(type, registerNumber(register));
}

export function decodeCt(bytes: Uint8Array): Ct | undefined {
  const attributes = knownAttributes(bytes, NFTA_CT_DREG, NFTA_CT_KEY, NFTA_CT_SREG);
  // Keys with a direction (NFTA_CT_DIRECTION) are none of ours.
  const key = keyNames[attributes?.u32be(NFTA_CT_KEY) ?? -1];
  const destination = registerFromNumber(attributes?.u32be(NFTA_CT_DREG));
  const source = registerFromNumber(attributes?.u32be(NFTA_CT_SREG));
  if (key === undefined) return undefined;
  if (destination !== undefined) return { kind: "ct", key, register: destination };
  return source === undefined ? undefined : { kind: "set ct", key, register: source };
}
