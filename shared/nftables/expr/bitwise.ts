import type { AttributeWriter } from "../../netlink/attribute-writer.ts";
import { readData, writeData } from "../data.ts";
import { type Register, registerFromNumber, registerNumber } from "../register.ts";
import { knownAttributes } from "./known-attributes.ts";

const NFTA_BITWISE_SREG = 1;
const NFTA_BITWISE_DREG = 2;
const NFTA_BITWISE_LEN = 3;
const NFTA_BITWISE_MASK = 4;
const NFTA_BITWISE_XOR = 5;
const NFTA_BITWISE_OP = 6;
const NFT_BITWISE_MASK_XOR = 0;

/** destination = (source & mask) ^ xor */
export interface Bitwise {
  readonly kind: "bitwise";
  readonly source: Register;
  readonly destination: Register;
  readonly mask: Uint8Array;
  readonly xor: Uint8Array;
}

export function encodeBitwise(writer: AttributeWriter, bitwise: Bitwise): void {
  writer
    .u32be(NFTA_BITWISE_SREG, registerNumber(bitwise.source))
    .u32be(NFTA_BITWISE_DREG, registerNumber(bitwise.destination))
    .u32be(NFTA_BITWISE_LEN, bitwise.mask.length);
  writeData(writer, NFTA_BITWISE_MASK, { value: bitwise.mask });
  writeData(writer, NFTA_BITWISE_XOR, { value: bitwise.xor });
}

export function decodeBitwise(bytes: Uint8Array): Bitwise | undefined {
  const attributes = knownAttributes(
    bytes,
    NFTA_BITWISE_SREG,
    NFTA_BITWISE_DREG,
    NFTA_BITWISE_LEN,
    NFTA_BITWISE_MASK,
    NFTA_BITWISE_XOR,
    NFTA_BITWISE_OP,
  );
  if ((attributes?.u32be(NFTA_BITWISE_OP) ?? NFT_BITWISE_MASK_XOR) !== NFT_BITWISE_MASK_XOR) return undefined;
  const source = registerFromNumber(attributes?.u32be(NFTA_BITWISE_SREG));
  const destination = registerFromNumber(attributes?.u32be(NFTA_BITWISE_DREG));
  const mask = readData(attributes?.bytes(NFTA_BITWISE_MASK));
  const xor = readData(attributes?.bytes(NFTA_BITWISE_XOR));
  if (source === undefined || destination === undefined || mask === undefined || xor === undefined) {
    return undefined;
  }
  if (!("value" in mask) || !("value" in xor)) return undefined;
  return { kind: "bitwise", source, destination, mask: mask.value, xor: xor.value };
}
