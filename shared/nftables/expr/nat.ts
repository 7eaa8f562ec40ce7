import type { AttributeWriter } from "../../netlink/attribute-writer.ts";
import { NFPROTO_IPV4, NFPROTO_IPV6 } from "../protocol.ts";
import { type Register, registerFromNumber, registerNumber } from "../register.ts";
import { knownAttributes } from "./known-attributes.ts";

const NFTA_NAT_TYPE = 1;
const NFTA_NAT_FAMILY = 2;
const NFTA_NAT_REG_ADDR_MIN = 3;
const NFTA_NAT_REG_ADDR_MAX = 4;
const NFTA_NAT_REG_PROTO_MIN = 5;
const NFTA_NAT_REG_PROTO_MAX = 6;
const NFTA_NAT_FLAGS = 7;
const NFT_NAT_SNAT = 0;
const NFT_NAT_DNAT = 1;

/** Translates the source or destination to an address, and a port if there is one, from registers. */
export interface Nat {
  readonly kind: "snat" | "dnat";
  readonly family: 4 | 6;
  readonly address: Register;
  readonly port?: Register;
  /** NF_NAT_RANGE_* of linux/netfilter/nf_nat.h, without those that follow from the registers. */
  readonly flags: number;
}

/** NF_NAT_RANGE_MAP_IPS and NF_NAT_RANGE_PROTO_SPECIFIED: the kernel sets them by itself. */
const impliedFlags = 1 | 2;

export function encodeNat(writer: AttributeWriter, nat: Nat): void {
  writer
    .u32be(NFTA_NAT_TYPE, nat.kind === "snat" ? NFT_NAT_SNAT : NFT_NAT_DNAT)
    .u32be(NFTA_NAT_FAMILY, nat.family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6)
    .u32be(NFTA_NAT_REG_ADDR_MIN, registerNumber(nat.address));
  if (nat.port !== undefined) writer.u32be(NFTA_NAT_REG_PROTO_MIN, registerNumber(nat.port));
  if (nat.flags !== 0) writer.u32be(NFTA_NAT_FLAGS, nat.flags);
}

export function decodeNat(bytes: Uint8Array): Nat | undefined {
  const attributes = knownAttributes(
    bytes,
    NFTA_NAT_TYPE,
    NFTA_NAT_FAMILY,
    NFTA_NAT_REG_ADDR_MIN,
    NFTA_NAT_REG_ADDR_MAX,
    NFTA_NAT_REG_PROTO_MIN,
    NFTA_NAT_REG_PROTO_MAX,
    NFTA_NAT_FLAGS,
  );
  const type = attributes?.u32be(NFTA_NAT_TYPE);
  const protocol = attributes?.u32be(NFTA_NAT_FAMILY);
  const addressNumber = attributes?.u32be(NFTA_NAT_REG_ADDR_MIN);
  const portNumber = attributes?.u32be(NFTA_NAT_REG_PROTO_MIN);
  // The kernel repeats the lower end where there is no range.
  const isRange =
    (attributes?.u32be(NFTA_NAT_REG_ADDR_MAX) ?? addressNumber) !== addressNumber ||
    (attributes?.u32be(NFTA_NAT_REG_PROTO_MAX) ?? portNumber) !== portNumber;
  const address = registerFromNumber(addressNumber);
  const port = registerFromNumber(portNumber);
  if (isRange || address === undefined || (type !== NFT_NAT_SNAT && type !== NFT_NAT_DNAT)) return undefined;
  if (protocol !== NFPROTO_IPV4 && protocol !== NFPROTO_IPV6) return undefined;
  return {
    kind: type === NFT_NAT_SNAT ? "snat" : "dnat",
    family: protocol === NFPROTO_IPV4 ? 4 : 6,
    address,
    ...(port === undefined ? {} : { port }),
    flags: ((attributes?.u32be(NFTA_NAT_FLAGS) ?? 0) & ~impliedFlags) >>> 0,
  };
}
