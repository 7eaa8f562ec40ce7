import { interfaceValue } from "../../../shared/nftables/data-type.ts";
import type { Bitwise } from "../../../shared/nftables/expr/bitwise.ts";
import type { Cmp } from "../../../shared/nftables/expr/cmp.ts";
import type { MetaKey } from "../../../shared/nftables/expr/meta.ts";

/** What is known of the first packet of a connection from a container to the outside. The rest may be anything. */
export interface Packet {
  readonly family: 4 | 6;
  /** The interface on which it comes; without it, any but those of others. */
  readonly iifname?: string;
  /** Whether an interface is somebody else's, so that the packet neither comes from nor goes to it. */
  readonly isOthers: (name: string) => boolean;
}

/** What a register holds, as far as it is known: exact bytes, or the name of an interface that is nobody else's. */
export type Value = { readonly bytes: Uint8Array } | "anything" | "interface";

export type Truth = "yes" | "no" | "maybe";

const IP_CT_NEW_BIT = 8;

/** `ct state new`. A value of a register is in the machine's byte order. */
export const stateOfFirst = { bytes: new Uint8Array(new Uint32Array([IP_CT_NEW_BIT]).buffer) };
/** Nobody has translated its addresses. */
export const statusOfFirst = { bytes: new Uint8Array(4) };

export function metaValue({ family, iifname }: Packet, key: MetaKey): Value {
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

export function masked(value: Value, { mask, xor }: Bitwise): Value {
  if (typeof value === "string") return "anything";
  return { bytes: value.bytes.map((byte, index) => (byte & (mask[index] ?? 0)) ^ (xor[index] ?? 0)) };
}

/** Whether a comparison holds. */
export function compare(packet: Packet, value: Value, { operator, value: constant }: Cmp): Truth {
  if (operator !== "==" && operator !== "!=") return "maybe";
  const equal = isEqual(packet, value, constant);
  if (equal === "maybe" || operator === "==") return equal;
  return equal === "yes" ? "no" : "yes";
}

function isEqual({ isOthers }: Packet, value: Value, constant: Uint8Array): Truth {
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
