import type { IpAddress } from "../ip/address.ts";
import { type DataType, typeLength } from "./data-type.ts";
import { fibDestination } from "./expr/fib.ts";
import type { Expression } from "./expression.ts";
import type { Family } from "./protocol.ts";
import type { Register } from "./register.ts";

/** The match that has to precede a field (nft's "dependency"): without it bytes of another kind of packet are read. */
export type Precondition = { readonly address: IpAddress["family"] } | { readonly protocol: number };

interface FieldDefinition {
  readonly type: DataType;
  readonly needs?: Precondition;
  /** For those that are parts of a header. */
  readonly header?: { readonly base: "link" | "network" | "transport"; readonly offset: number };
  readonly load: (register: Register) => Expression;
}

const TCP = 6;
const UDP = 17;
const SCTP = 132;

function inHeader(
  type: DataType,
  base: "link" | "network" | "transport",
  offset: number,
  needs?: Precondition,
): FieldDefinition {
  const length = typeLength(type);
  return {
    type,
    header: { base, offset },
    ...(needs === undefined ? {} : { needs }),
    load: (register) => ({ kind: "payload", base, offset, length, register }),
  };
}

function ofPacket(type: DataType, key: "iifname" | "oifname" | "l4proto" | "mark"): FieldDefinition {
  return { type, load: (register) => ({ kind: "meta", key, register }) };
}

/** What rules look at, by the names that the `nft` language has for it. */
const fields = {
  "ether saddr": inHeader("ether_addr", "link", 6),
  "ether daddr": inHeader("ether_addr", "link", 0),
  "ip saddr": inHeader("ipv4_addr", "network", 12, { address: 4 }),
  "ip daddr": inHeader("ipv4_addr", "network", 16, { address: 4 }),
  "ip6 saddr": inHeader("ipv6_addr", "network", 8, { address: 6 }),
  "ip6 daddr": inHeader("ipv6_addr", "network", 24, { address: 6 }),
  "tcp dport": inHeader("inet_service", "transport", 2, { protocol: TCP }),
  "udp dport": inHeader("inet_service", "transport", 2, { protocol: UDP }),
  "sctp dport": inHeader("inet_service", "transport", 2, { protocol: SCTP }),
  /** Only beside `meta l4proto`. */
  "th sport": inHeader("inet_service", "transport", 0),
  "th dport": inHeader("inet_service", "transport", 2),
  iifname: ofPacket("ifname", "iifname"),
  oifname: ofPacket("ifname", "oifname"),
  "meta l4proto": ofPacket("inet_proto", "l4proto"),
  "meta mark": ofPacket("mark", "mark"),
  "ct mark": { type: "mark", load: (register) => ({ kind: "ct", key: "mark", register }) },
  "fib daddr type": {
    type: "mark",
    load: (register) => ({ kind: "fib", result: "type", flags: fibDestination, register }),
  },
} as const satisfies Readonly<Record<string, FieldDefinition>>;
export type Field = keyof typeof fields;

export function fieldDefinition(field: Field): FieldDefinition {
  return fields[field];
}

/** Fields of the Ethernet header stand in front of every packet only in the bridge family. */
export function requireFamily(field: Field, family: Family): void {
  const base = fieldDefinition(field).header?.base;
  if (base === "link" && family !== "bridge") {
    throw new RangeError(`"${field}" belongs into a table of the bridge family, not ${family}`);
  }
}
