import type { Expression } from "../../../shared/nftables/expression.ts";
import type { Rule } from "../../../shared/nftables/rule.ts";
import { compileRule, type Statement, verdict } from "../../../shared/nftables/statement.ts";
import type { ChainDefinition } from "../../../shared/nftables/table-definition.ts";

/*
 * The sender's MAC that frames claim behind their Ethernet header, which neighbours believe: in ARP (RFC 826) and
 * neighbour discovery (RFC 4861). Only MACs are checked: a container may have addresses that this plugin does not know.
 * Options have no fixed places in a message, but rules of nf_tables look at fixed ones. So a message must be as kernels
 * send it, with one option or none. All of this is pure.
 */

const ETH_P_ARP = 0x0806;
const ETH_P_8021Q = 0x8100;
const ETH_P_8021AD = 0x88a8;
const ETH_P_IPV6 = 0x86dd;
const IPPROTO_ICMPV6 = 58;

/** Types of ICMPv6 (RFC 4861, section 4), with where their options begin, in bytes from the header of ICMPv6. */
const routerSolicitation = { type: 133, options: 8 };
const neighbourSolicitation = { type: 135, options: 24 };
const neighbourAdvertisement = { type: 136, options: 24 };

/** The length of each option that the known kernels send, in bytes. */
const optionLength = 8;
/** The beginning of the option that duplicate address detection sends: type 14, eight bytes long (RFC 7527). */
const nonce = [14, 1];

/** The rules for frames whose Ethernet header has been found right. */
export function claimRules(senders: string): Rule[] {
  const { type: asksRouters } = routerSolicitation;
  return [
    rule(etherType(ETH_P_ARP), isOthers(senders, "network", 8), verdict("drop")),
    // The kernel takes a tag of VLAN 0 off however many there are, and rules see behind one: two make no sense.
    ...[ETH_P_8021Q, ETH_P_8021AD].map((tag) => rule(etherType(tag), verdict("goto", twoTags))),
    rule(isIcmp6(asksRouters), verdict("goto", chainFor(routerSolicitation.options))),
    ...[neighbourSolicitation, neighbourAdvertisement].map(({ type, options }) =>
      rule(isIcmp6(type), verdict("goto", chainFor(options))),
    ),
  ];
}

/** The chains to which those rules lead. */
export function claimChains(senders: string): ChainDefinition[] {
  const chains = [routerSolicitation, neighbourSolicitation].map(({ options }) => ({
    name: chainFor(options),
    rules: [
      // No kernel puts other headers before it, or sends it in fragments (RFC 6980).
      rule(inHeader("network", 6, "!=", IPPROTO_ICMPV6), verdict("drop")),
      rule(hasLength(options), verdict("return")),
      rule(
        hasLength(options + optionLength),
        inHeader("transport", options, "==", ...nonce),
        verdict("return"),
      ),
      rule(hasLength(options + optionLength), isOwn(senders, "transport", options + 2), verdict("return")),
      rule(verdict("drop")),
    ],
  }));
  // In a chain of its own, since nft 1.0 fails an assertion over a look behind `meta protocol 8021q`.
  return [...chains, { name: twoTags, rules: [rule(isPriorityTag, verdict("drop"))] }];
}

const twoTags = "two-tags";

function chainFor(options: number): string {
  return `option-at-${options}`;
}

function rule(...statements: readonly Statement[]): Rule {
  return { expressions: compileRule("bridge", statements) };
}

function expressions(...list: readonly Expression[]): Statement {
  return (inProgress) => void inProgress.expressions.push(...list);
}

/** `meta protocol TYPE`: the type behind the first tag, which the kernel has removed by then. */
function etherType(type: number): Statement {
  return expressions(
    { kind: "meta", key: "protocol", register: 0 },
    { kind: "cmp", operator: "==", register: 0, value: Uint8Array.of(type >>> 8, type & 255) },
  );
}

/** `meta protocol ip6 meta l4proto icmpv6 icmpv6 type TYPE` */
function isIcmp6(type: number): Statement {
  return (inProgress) => {
    etherType(ETH_P_IPV6)(inProgress);
    expressions(
      { kind: "meta", key: "l4proto", register: 0 },
      { kind: "cmp", operator: "==", register: 0, value: Uint8Array.of(IPPROTO_ICMPV6) },
    )(inProgress);
    inHeader("transport", 0, "==", type)(inProgress);
  };
}

function inHeader(
  base: "network" | "transport",
  offset: number,
  operator: "==" | "!=",
  ...bytes: readonly number[]
): Statement {
  return expressions(
    { kind: "payload", base, offset, length: bytes.length, register: 0 },
    { kind: "cmp", operator, register: 0, value: Uint8Array.from(bytes) },
  );
}

/** `ip6 length N` */
function hasLength(length: number): Statement {
  return inHeader("network", 4, "==", 0, length);
}

/** A tag behind the first one that is of VLAN 0. */
const isPriorityTag = expressions(
  { kind: "payload", base: "network", offset: 0, length: 2, register: 0 },
  { kind: "bitwise", source: 0, destination: 0, mask: Uint8Array.of(0x0f, 0xff), xor: Uint8Array.of(0, 0) },
  { kind: "cmp", operator: "==", register: 0, value: Uint8Array.of(0, 0) },
);

/** The MAC at this place is the port's. */
function isOwn(senders: string, base: "network" | "transport", offset: number): Statement {
  return lookUp(senders, base, offset, false);
}

/** The MAC at this place is not the port's. */
function isOthers(senders: string, base: "network" | "transport", offset: number): Statement {
  return lookUp(senders, base, offset, true);
}

/** `iifname . MAC @senders`, or `!=` */
function lookUp(set: string, base: "network" | "transport", offset: number, inverted: boolean): Statement {
  return expressions(
    { kind: "meta", key: "iifname", register: 0 },
    { kind: "payload", base, offset, length: 6, register: 4 },
    { kind: "lookup", set, register: 0, inverted },
  );
}
