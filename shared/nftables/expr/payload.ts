import type { AttributeWriter } from "../../netlink/attribute-writer.ts";
import { type Register, registerFromNumber, registerNumber } from "../register.ts";
import { knownAttributes } from "./known-attributes.ts";

const NFTA_PAYLOAD_DREG = 1;
const NFTA_PAYLOAD_BASE = 2;
const NFTA_PAYLOAD_OFFSET = 3;
const NFTA_PAYLOAD_LEN = 4;

/** enum nft_payload_bases */
const bases = { link: 0, network: 1, transport: 2 } as const;
const baseNames = ["link", "network", "transport"] as const;

/** Loads bytes of one of the packet's headers. */
export interface Payload {
  readonly kind: "payload";
  readonly base: keyof typeof bases;
  readonly offset: number;
  readonly length: number;
  readonly register: Register;
}

export function encodePayload(writer: AttributeWriter, payload: Payload): void {
  writer
    .u32be(NFTA_PAYLOAD_DREG, registerNumber(payload.register))
    .u32be(NFTA_PAYLOAD_BASE, bases[payload.base])
    .u32be(NFTA_PAYLOAD_OFFSET, payload.offset)
    .u32be(NFTA_PAYLOAD_LEN, payload.length);
}

export function decodePayload(bytes: Uint8Array): Payload | undefined {
  // Further attributes belong to writing into the packet.
  const attributes = knownAttributes(
    bytes,
    NFTA_PAYLOAD_DREG,
    NFTA_PAYLOAD_BASE,
    NFTA_PAYLOAD_OFFSET,
    NFTA_PAYLOAD_LEN,
  );
  const register = registerFromNumber(attributes?.u32be(NFTA_PAYLOAD_DREG));
  const base = baseNames[attributes?.u32be(NFTA_PAYLOAD_BASE) ?? -1];
  const offset = attributes?.u32be(NFTA_PAYLOAD_OFFSET);
  const length = attributes?.u32be(NFTA_PAYLOAD_LEN);
  if (register === undefined || base === undefined || offset === undefined || length === undefined) {
    return undefined;
  }
  return { kind: "payload", base, offset, length, register };
}
