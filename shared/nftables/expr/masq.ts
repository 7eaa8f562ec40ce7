import type { AttributeWriter } from "../../netlink/attribute-writer.ts";
import { knownAttributes } from "./known-attributes.ts";

const NFTA_MASQ_FLAGS = 1;

/** Translates the source to the address of the interface by which the packet leaves. */
export interface Masq {
  readonly kind: "masq";
  /** NF_NAT_RANGE_* of linux/netfilter/nf_nat.h. */
  readonly flags: number;
}

export function encodeMasq(writer: AttributeWriter, { flags }: Masq): void {
  if (flags !== 0) writer.u32be(NFTA_MASQ_FLAGS, flags);
}

export function decodeMasq(bytes: Uint8Array): Masq | undefined {
  const attributes = knownAttributes(bytes, NFTA_MASQ_FLAGS);
  return attributes === undefined
    ? undefined
    : { kind: "masq", flags: attributes.u32be(NFTA_MASQ_FLAGS) ?? 0 };
}
