import type { AttributeWriter } from "../../netlink/attribute-writer.ts";
import { readU64, u64Bytes } from "../bytes.ts";
import { knownAttributes } from "./known-attributes.ts";

const NFTA_COUNTER_BYTES = 1;
const NFTA_COUNTER_PACKETS = 2;
const NFTA_COUNTER_PAD = 3;

/** Counts what comes by. */
export interface Counter {
  readonly kind: "counter";
  readonly bytes: bigint;
  readonly packets: bigint;
}

export function encodeCounter(writer: AttributeWriter, { bytes, packets }: Counter): void {
  writer.bytes(NFTA_COUNTER_BYTES, u64Bytes(bytes)).bytes(NFTA_COUNTER_PACKETS, u64Bytes(packets));
}

export function decodeCounter(data: Uint8Array): Counter | undefined {
  const attributes = knownAttributes(data, NFTA_COUNTER_BYTES, NFTA_COUNTER_PACKETS, NFTA_COUNTER_PAD);
  const bytes = readU64(attributes?.bytes(NFTA_COUNTER_BYTES));
  const packets = readU64(attributes?.bytes(NFTA_COUNTER_PACKETS));
  return bytes === undefined || packets === undefined ? undefined : { kind: "counter", bytes, packets };
}
