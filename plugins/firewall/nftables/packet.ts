import type { IpFamily } from "../../../shared/ip/address.ts";
import { interfaceValue } from "../../../shared/nftables/data-type.ts";
import type { Bitwise } from "../../../shared/nftables/expr/bitwise.ts";
import type { Cmp } from "../../../shared/nftables/expr/cmp.ts";
import type { MetaKey } from "../../../shared/nftables/expr/meta.ts";

/** The first packet of a connection from a container to the outside, as far as it is known. */
export interface Packet {
  readonly family: IpFamily;
  /** The interface on which it comes in; absent for any that is not somebody else's. */
  readonly iifname?: string;
  /** True for an interface of somebody else: the packet neither comes from it nor goes to it. */
  readonly isOthers: (name: string) => boolean;
}

/** The content of a register, as far as it is known: bytes, or the name of an interface that is not somebody else's. */
export type KnownValue = { readonly bytes: Uint8Array } | "anything" | "interface";

export type Truth = "yes" | "no" | "maybe";

const IP_CT_NEW_BIT = 8;

/** `ct state new`. A value of a register is in the machine's byte order. */
export const stateOfFirst = { bytes: new Uint8Array(new Uint32Array([IP_CT_NEW_BIT]).buffer) };
/** Nobody has translated its addresses. */
export const statusOfFirst = { bytes: new Uint8Array(4) };

export function metaValue({ family, iifname }: Packet, key: MetaKey): KnownValue {
  switch (key) {
    case "iifname":
      return iifname === undefined ? "interface" : { bytes: interfaceValue(iifname) };
    case "oifname":
      return "interface";
    case "nfproto":
      return { bytes: Uint8Array.of(family === 4 ? 2 : 10) };
    case "protocol":
      return { bytes: family === 4 ? Uint8Array.of(0x08, 0x00) : Uint8Array.of(0x86, 0xdd) };
    default:
      return "anything";
  }
}

export function masked(value: KnownValue, { mask, xor }: Bitwise): KnownValue {
  if (typeof value === "string") return "anything";
  return { bytes: value.bytes.map((byte, index) => (byte & (mask[index] ?? 0)) ^ (xor[index] ?? 0)) };
}

/** Whether a comparison holds. */
export function compare(packet: Packet, value: KnownValue, { operator, value: constant }: Cmp): Truth {
  if (operator !== "==" && operator !== "!=") return "maybe";
  const equal = isEqual(packet, value, constant);
  if (equal === "maybe" || operator === "==") return equal;
  return equal === "yes" ? "no" : "yes";
}

function isEqual({ isOthers }: Packet, value: KnownValue, constant: Uint8Array): Truth {
  if (value === "anything") return "maybe";
  if (value === "interface") return isOthers(nameOf(constant)) ? "no" : "maybe";
  // A shorter constant is the beginning of a name: "br-*".
  if (value.bytes.length < constant.length) return "maybe";
  return constant.every((byte, index) => byte === value.bytes[index]) ? "yes" : "no";
}

/** "" for the beginning of a name, which has no zero byte at its end. */
function nameOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return end < 0 ? "" : new TextDecoder().decode(bytes.subarray(0, end));
}
