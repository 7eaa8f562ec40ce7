import type { AttributeWriter } from "../../netlink/attribute-writer.ts";
import { type Register, registerFromNumber, registerNumber } from "../register.ts";
import { knownAttributes } from "./known-attributes.ts";

const NFTA_META_DREG = 1;
const NFTA_META_KEY = 2;
const NFTA_META_SREG = 3;

/** enum nft_meta_keys */
const keys = {
  protocol: 1,
  mark: 3,
  iif: 4,
  oif: 5,
  iifname: 6,
  oifname: 7,
  iiftype: 8,
  nfproto: 15,
  l4proto: 16,
  ibrname: 17,
  obrname: 18,
  pkttype: 19,
} as const;
export type MetaKey = keyof typeof keys;
const keyNames = new Map<number, MetaKey>([
  [1, "protocol"],
  [3, "mark"],
  [4, "iif"],
  [5, "oif"],
  [6, "iifname"],
  [7, "oifname"],
  [8, "iiftype"],
  [15, "nfproto"],
  [16, "l4proto"],
  [17, "ibrname"],
  [18, "obrname"],
  [19, "pkttype"],
]);

/** Loads something that is known of the packet besides its bytes, or sets it. */
export interface Meta {
  readonly kind: "meta" | "set meta";
  readonly key: MetaKey;
  readonly register: Register;
}

export function encodeMeta(writer: AttributeWriter, { kind, key, register }: Meta): void {
  const type = kind === "meta" ? NFTA_META_DREG : NFTA_META_SREG;
  writer.u32be(NFTA_META_KEY, keys[key]).u32be(type, registerNumber(register));
}

export function decodeMeta(bytes: Uint8Array): Meta | undefined {
  const attributes = knownAttributes(bytes, NFTA_META_DREG, NFTA_META_KEY, NFTA_META_SREG);
  const key = keyNames.get(attributes?.u32be(NFTA_META_KEY) ?? -1);
  const destination = registerFromNumber(attributes?.u32be(NFTA_META_DREG));
  const source = registerFromNumber(attributes?.u32be(NFTA_META_SREG));
  if (key === undefined) return undefined;
  if (destination !== undefined) return { kind: "meta", key, register: destination };
  return source === undefined ? undefined : { kind: "set meta", key, register: source };
}
