import type { AttributeWriter } from "../../netlink/attribute-writer.ts";
import { NFT_REG_VERDICT } from "../protocol.ts";
import { type Register, registerFromNumber, registerNumber } from "../register.ts";
import { knownAttributes } from "./known-attributes.ts";

const NFTA_LOOKUP_SET = 1;
const NFTA_LOOKUP_SREG = 2;
const NFTA_LOOKUP_DREG = 3;
const NFTA_LOOKUP_FLAGS = 5;
const NFT_LOOKUP_F_INV = 1;

/**
 * Goes on with the rule only if a set holds the key (or does not); with a destination, also loads what a map has for
 * the key, or does what a verdict map says.
 */
export interface Lookup {
  readonly kind: "lookup";
  readonly set: string;
  readonly register: Register;
  readonly inverted: boolean;
  readonly destination?: Register | "verdict";
}

export function encodeLookup(writer: AttributeWriter, lookup: Lookup): void {
  writer.text(NFTA_LOOKUP_SET, lookup.set).u32be(NFTA_LOOKUP_SREG, registerNumber(lookup.register));
  const { destination } = lookup;
  if (destination !== undefined) {
    writer.u32be(NFTA_LOOKUP_DREG, destination === "verdict" ? NFT_REG_VERDICT : registerNumber(destination));
  }
  if (lookup.inverted) writer.u32be(NFTA_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
}

export function decodeLookup(bytes: Uint8Array): Lookup | undefined {
  const attributes = knownAttributes(
    bytes,
    NFTA_LOOKUP_SET,
    NFTA_LOOKUP_SREG,
    NFTA_LOOKUP_DREG,
    NFTA_LOOKUP_FLAGS,
  );
  const set = attributes?.text(NFTA_LOOKUP_SET);
  const register = registerFromNumber(attributes?.u32be(NFTA_LOOKUP_SREG));
  const flags = attributes?.u32be(NFTA_LOOKUP_FLAGS) ?? 0;
  if (set === undefined || register === undefined || (flags & ~NFT_LOOKUP_F_INV) !== 0) return undefined;
  const lookup: Lookup = { kind: "lookup", set, register, inverted: flags !== 0 };
  const number = attributes?.u32be(NFTA_LOOKUP_DREG);
  if (number === undefined) return lookup;
  const destination = number === NFT_REG_VERDICT ? "verdict" : registerFromNumber(number);
  return destination === undefined ? undefined : { ...lookup, destination };
}
