import { lazy } from "../../../shared/basics/lazy.ts";
import { sha512 } from "../../../shared/cni/sha512.ts";
import { parsePrefix } from "../../../shared/ip/prefix.ts";
import { type ChainName, priority } from "../../../shared/nftables/chain.ts";
import type { TableName } from "../../../shared/nftables/command.ts";
import type { Verdict } from "../../../shared/nftables/data.ts";
import { interfaceValue } from "../../../shared/nftables/data-type.ts";
import type { Element } from "../../../shared/nftables/element.ts";
import type { Rule } from "../../../shared/nftables/rule.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import { compileRule, inPrefix, verdict, verdictMap } from "../../../shared/nftables/statement.ts";
import type { TableDefinition } from "../../../shared/nftables/table-definition.ts";

/**
 * Table `cni_localhost` keeps containers from 127.0.0.1 of the host, which `route_localnet` would let them address (the kind
 * of CVE-2020-8558). It exists while a container behind such an interface publishes ports, by either backend. Its rule is
 * before connection tracking, where only packets that were sent to 127.0.0.0/8 have such a destination: answers to
 * connections from 127.0.0.1, and packets that others translate to it, pass. All of this is pure.
 */
export const localhostTable: TableName = { family: "ip", name: "cni_localhost" };

/** The map of interfaces that are open. Each leads to a chain of its own, which drops. */
export const openInterfaces = {
  table: localhostTable,
  name: "interfaces",
  key: ["ifname"],
  data: "verdict",
} as const satisfies NamedSet;

/**
 * The map of who publishes ports: a hash of the owner to the chain of the interface, with the owner as comment. No rule
 * uses it. The kernel counts what leads to a chain, which tells an interface's last container.
 */
export const publishers = {
  table: localhostTable,
  name: "publishers",
  key: ["ifname"],
  data: "verdict",
} as const satisfies NamedSet;

export const localhostDefinition = lazy((): TableDefinition => {
  const localhost = parsePrefix("127.0.0.0/8");
  if (localhost === undefined) throw new RangeError("127.0.0.0/8");
  return {
    table: { ...localhostTable, comment: "CNI portmap: 127.0.0.1 of the host is not for containers" },
    sets: [openInterfaces, publishers],
    chains: [
      {
        name: "prerouting",
        base: { type: "filter", hook: "prerouting", priority: priority.raw, policy: "accept" },
        rules: [
          {
            expressions: compileRule("ip", [
              inPrefix("ip daddr", "==", localhost),
              verdictMap(["iifname"], openInterfaces.name),
            ]),
          },
        ],
      },
    ],
  };
});

/** Returns the chain of an interface, which has one rule. */
export function interfaceChain(name: string): ChainName {
  const plain = /^[\w.-]+$/.test(name) ? name : sha512(name).slice(0, 16);
  return { table: localhostTable, name: `from-${plain}` };
}

export const interfaceRules = lazy((): readonly Rule[] => [
  { expressions: compileRule("ip", [verdict("drop")]) },
]);

/** The comment of an interface whose `route_localnet` this plugin has set and has to take back. */
const openedByUs = "route_localnet was 0";

export function interfaceElement(name: string, isOpenedByUs: boolean): Element {
  return { key: interfaceValue(name), data: leadingTo(name), ...(isOpenedByUs && { comment: openedByUs }) };
}

export function isOpenedByUs({ comment }: Element): boolean {
  return comment === openedByUs;
}

/** Returns the interface of an element of `openInterfaces`. */
export function interfaceOf({ key }: Element): string {
  const end = key.indexOf(0);
  return new TextDecoder().decode(end < 0 ? key : key.subarray(0, end));
}

export function publisherKey(owner: string): Uint8Array {
  return interfaceValue(sha512(owner).slice(0, 15));
}

export function publisherElement(owner: string, name: string): Element {
  return { key: publisherKey(owner), data: leadingTo(name), comment: owner };
}

function leadingTo(name: string): { readonly verdict: Verdict } {
  return { verdict: { kind: "goto", chain: interfaceChain(name).name } };
}
