import { bitLength, type IpAddress, ipToBytes } from "../ip/address.ts";
import { type IpPrefix, maskOf, networkOf } from "../ip/prefix.ts";
import { RTN_LOCAL } from "../netlink/constants.ts";
import { hostU32 } from "./bytes.ts";
import type { Verdict } from "./data.ts";
import { paddedLength } from "./data-type.ts";
import type { Expression } from "./expression.ts";
import { type Field, fieldDefinition, type Precondition, requireFamily } from "./field.ts";
import type { Family } from "./protocol.ts";
import { NFPROTO_IPV4, NFPROTO_IPV6 } from "./protocol.ts";
import type { Register } from "./register.ts";

/** One part of a rule, as the `nft` language has it. `compileRule` makes the kernel's expressions of a list of them. */
export type Statement = (rule: RuleInProgress) => void;

/** The expressions so far, and what is known of the packet by then. */
export interface RuleInProgress {
  readonly family: Family;
  readonly expressions: Expression[];
  readonly known: Set<string>;
}

/**
 * The expressions of a rule: all statements must hold for the next to be looked at. They are the same that the
 * official `nft` makes of the same words, so that it prints those words again.
 */
export function compileRule(family: Family, statements: readonly Statement[]): Expression[] {
  const rule: RuleInProgress = { family, expressions: [], known: new Set() };
  for (const statement of statements) statement(rule);
  return rule.expressions;
}

/** `ip daddr == 10.0.0.1`. The value is made by `addressValue` and its like. */
export function matches(field: Field, operator: "==" | "!=", value: Uint8Array): Statement {
  return (rule) => {
    load(rule, field, 0);
    rule.expressions.push({ kind: "cmp", operator, register: 0, value });
  };
}

/** `ip daddr == 10.0.0.0/8`, or `!=`. */
export function inPrefix(
  field: "ip saddr" | "ip daddr" | "ip6 saddr" | "ip6 daddr",
  operator: "==" | "!=",
  prefix: IpPrefix,
): Statement {
  const { family } = prefix.address;
  const { prefixLength } = prefix;
  const network = ipToBytes(networkOf(prefix).address);
  return (rule) => {
    const definition = prepare(rule, field);
    const offset = definition.header?.offset ?? 0;
    const wholeBytes = prefixLength / 8;
    if (prefixLength > 0 && Number.isInteger(wholeBytes)) {
      rule.expressions.push(
        { kind: "payload", base: "network", offset, length: wholeBytes, register: 0 },
        { kind: "cmp", operator, register: 0, value: network.slice(0, wholeBytes) },
      );
      return;
    }
    const mask = ipToBytes({ family, value: maskOf(family, prefixLength) });
    rule.expressions.push(
      { kind: "payload", base: "network", offset, length: bitLength(family) / 8, register: 0 },
      { kind: "bitwise", source: 0, destination: 0, mask, xor: new Uint8Array(mask.length) },
      { kind: "cmp", operator, register: 0, value: network },
    );
  };
}

/** `ip saddr . ip daddr @set`, or `!= @set`. */
export function inSet(fields: readonly Field[], operator: "==" | "!=", set: string): Statement {
  return (rule) => {
    loadAll(rule, fields);
    rule.expressions.push({ kind: "lookup", set, register: 0, inverted: operator === "!=" });
  };
}

/** `ip saddr vmap @map`: the verdict that the map has for the key; without one the rule goes on. */
export function verdictMap(fields: readonly Field[], map: string): Statement {
  return (rule) => {
    loadAll(rule, fields);
    rule.expressions.push({ kind: "lookup", set: map, register: 0, inverted: false, destination: "verdict" });
  };
}

// linux/netfilter/nf_conntrack_common.h
const stateBits = { invalid: 1, established: 2, related: 4, new: 8 } as const;

/** `ct state established,related` */
export function ctState(...states: readonly (keyof typeof stateBits)[]): Statement {
  const bits = states.reduce((sum, state) => sum | stateBits[state], 0);
  return (rule) => {
    const zero = hostU32(0);
    rule.expressions.push(
      { kind: "ct", key: "state", register: 0 },
      { kind: "bitwise", source: 0, destination: 0, mask: hostU32(bits), xor: zero },
      { kind: "cmp", operator: "!=", register: 0, value: zero },
    );
  };
}

/** `meta mark & 0x2000 == 0x2000`: all these bits are set. */
export function hasMark(field: "meta mark" | "ct mark", bits: number): Statement {
  return (rule) => {
    load(rule, field, 0);
    rule.expressions.push(
      { kind: "bitwise", source: 0, destination: 0, mask: hostU32(bits), xor: hostU32(0) },
      { kind: "cmp", operator: "==", register: 0, value: hostU32(bits) },
    );
  };
}

/** `meta mark set meta mark | 0x2000`: sets these bits and leaves the others alone. */
export function addMark(field: "meta mark" | "ct mark", bits: number): Statement {
  return (rule) => {
    load(rule, field, 0);
    rule.expressions.push(
      { kind: "bitwise", source: 0, destination: 0, mask: hostU32(~bits), xor: hostU32(bits) },
      { kind: field === "meta mark" ? "set meta" : "set ct", key: "mark", register: 0 },
    );
  };
}

/** `fib daddr type local`: one of the host's own addresses. */
export function isLocalDestination(): Statement {
  return matches("fib daddr type", "==", hostU32(RTN_LOCAL));
}

/** `masquerade` */
export function masquerade(): Statement {
  return ({ expressions }) => {
    expressions.push({ kind: "masq", flags: 0 });
  };
}

/**
 * `dnat to ip daddr . meta l4proto . th dport map @map`: to the address and port that the map has for the key; without
 * one the rule goes on. The map's data are an address and a port, concatenated.
 */
export function dnatByMap(family: IpAddress["family"], fields: readonly Field[], map: string): Statement {
  return (rule) => {
    loadAll(rule, fields);
    rule.expressions.push(
      { kind: "lookup", set: map, register: 0, inverted: false, destination: 0 },
      { kind: "dnat", family, address: 0, port: bitLength(family) / 32, flags: 0 },
    );
  };
}

/** `counter` */
export function counter(): Statement {
  return ({ expressions }) => {
    expressions.push({ kind: "counter", bytes: 0n, packets: 0n });
  };
}

/** `accept`, `drop`, `return`, `jump chain`, `goto chain`: the end of a rule. */
export function verdict(kind: "accept" | "drop" | "return"): Statement;
export function verdict(kind: "jump" | "goto", chain: string): Statement;
export function verdict(kind: "accept" | "drop" | "return" | "jump" | "goto", chain = ""): Statement {
  const result: Verdict = kind === "jump" || kind === "goto" ? { kind, chain } : { kind };
  return ({ expressions }) => {
    expressions.push({ kind: "verdict", verdict: result });
  };
}

/** Puts fields behind each other into registers, for the key of a set. */
function loadAll(rule: RuleInProgress, fields: readonly Field[]): void {
  // Preconditions use the same registers, so all come first.
  for (const field of fields) prepare(rule, field);
  let register = 0;
  for (const field of fields) {
    load(rule, field, register);
    register += paddedLength(fieldDefinition(field).type) / 4;
  }
}

function load(rule: RuleInProgress, field: Field, register: Register): void {
  rule.expressions.push(prepare(rule, field).load(register));
}

function prepare(rule: RuleInProgress, field: Field): ReturnType<typeof fieldDefinition> {
  requireFamily(field, rule.family);
  const definition = fieldDefinition(field);
  if (definition.needs !== undefined) requirePacket(rule, definition.needs);
  return definition;
}

/** Makes the rule hold only for packets of the right kind, unless it or its table does already. */
function requirePacket(rule: RuleInProgress, needs: Precondition): void {
  const key = "address" in needs ? `address ${needs.address}` : `protocol ${needs.protocol}`;
  const isOfTable = "address" in needs && rule.family === (needs.address === 4 ? "ip" : "ip6");
  if (isOfTable || rule.known.has(key)) return;
  rule.known.add(key);
  rule.expressions.push(...condition(rule.family, needs));
}

function condition(family: Family, needs: Precondition): Expression[] {
  if ("protocol" in needs) {
    return [
      { kind: "meta", key: "l4proto", register: 0 },
      { kind: "cmp", operator: "==", register: 0, value: Uint8Array.of(needs.protocol) },
    ];
  }
  if (family === "bridge") {
    const etherType = needs.address === 4 ? [0x08, 0x00] : [0x86, 0xdd];
    return [
      { kind: "meta", key: "protocol", register: 0 },
      { kind: "cmp", operator: "==", register: 0, value: Uint8Array.from(etherType) },
    ];
  }
  return [
    { kind: "meta", key: "nfproto", register: 0 },
    {
      kind: "cmp",
      operator: "==",
      register: 0,
      value: Uint8Array.of(needs.address === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6),
    },
  ];
}
