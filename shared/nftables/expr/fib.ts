import type { AttributeWriter } from "../../netlink/attribute-writer.ts";
import { type Register, registerFromNumber, registerNumber } from "../register.ts";
import { knownAttributes } from "./known-attributes.ts";

const NFTA_FIB_DREG = 1;
const NFTA_FIB_RESULT = 2;
const NFTA_FIB_FLAGS = 3;

/** enum nft_fib_result: the interface's index or name, or the kind of address (RTN_* of linux/rtnetlink.h). */
const results = { oif: 1, oifname: 2, type: 3 } as const;
const resultNames = [undefined, "oif", "oifname", "type"] as const;

/** enum nft_fib_flags */
export const fibDestination = 1 << 1;

/** Asks the routing table about one of the packet's addresses. */
export interface Fib {
  readonly kind: "fib";
  readonly result: keyof typeof results;
  readonly flags: number;
  readonly register: Register;
}

export function encodeFib(writer: AttributeWriter, { result, flags, register }: Fib): void {
  writer
    .u32be(NFTA_FIB_DREG, registerNumber(register))
    .u32be(NFTA_FIB_RESULT, results[result])
    .u32be(NFTA_FIB_FLAGS, flags);
}

export function decodeFib(bytes: Uint8Array): Fib | undefined {
  const attributes = knownAttributes(bytes, NFTA_FIB_DREG, NFTA_FIB_RESULT, NFTA_FIB_FLAGS);
  const register = registerFromNumber(attributes?.u32be(NFTA_FIB_DREG));
  const result = resultNames[attributes?.u32be(NFTA_FIB_RESULT) ?? -1];
  const flags = attributes?.u32be(NFTA_FIB_FLAGS);
  if (register === undefined || result === undefined || flags === undefined) return undefined;
  return { kind: "fib", result, flags, register };
}
