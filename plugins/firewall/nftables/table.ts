import { lazy } from "../../../shared/basics/lazy.ts";
import type { IpAddress, IpFamily } from "../../../shared/ip/address.ts";
import { type ChainName, priority } from "../../../shared/nftables/chain.ts";
import type { TableName } from "../../../shared/nftables/command.ts";
import { addressValue, concatenate, interfaceValue } from "../../../shared/nftables/data-type.ts";
import type { Element } from "../../../shared/nftables/element.ts";
import type { Rule } from "../../../shared/nftables/rule.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import {
  compileRule,
  ctState,
  inSet,
  type Statement,
  verdict,
  verdictMap,
} from "../../../shared/nftables/statement.ts";
import type { TableDefinition } from "../../../shared/nftables/table-definition.ts";
import { chainOfBridge } from "./bridge-chain.ts";

/*
 * The design of the nftables backend. Its chains are the same for any containers: a container is an element for each of
 * its addresses in a verdict map, a bridge with a policy is an element of a set, and a chain. So the cost of a packet and
 * of a call does not grow with the containers.
 *
 * Rejected: the rules of the iptables backend, which are also the Go plugin's, two for each address. Every packet would
 * pass through all of them, and to find one's own, a call would have to read all.
 *
 * nf_tables has no command to delete an element only if it belongs to a certain container. So an element has its owner as
 * a comment, and a batch applies only to the generation of the ruleset in which the comments were read: an element that
 * has a new owner by now is not deleted. Map `owners` (owners.ts) lists the elements of each owner, so that DEL need not
 * read the other maps as a whole.
 *
 * A bridge's policy ends with its last container. The kernel counts the containers: their elements refer to the bridge's
 * chain, and the kernel tells how many references a chain has.
 *
 * All of this file is pure.
 */

export const firewallTable: TableName = { family: "inet", name: "cni_firewall" };

/** The verdict for packets of each address: accept, or a jump to the chain of its bridge. Comment: the owner. */
export const addressMaps = {
  4: { table: firewallTable, name: "addresses4", key: ["ipv4_addr"], data: "verdict" },
  6: { table: firewallTable, name: "addresses6", key: ["ipv6_addr"], data: "verdict" },
} as const satisfies Record<IpFamily, NamedSet>;

/** The elements of each attachment in the other maps: see owners.ts. */
export const ownerMap = {
  table: firewallTable,
  name: "owners",
  key: ["ifname", "mark"],
  data: ["ipv4_addr", "ipv6_addr", "ifname"],
} as const satisfies NamedSet;

/** Bridges that have a policy. */
export const bridgeSet = {
  table: firewallTable,
  name: "bridges",
  key: ["ifname"],
} as const satisfies NamedSet;

/** Bridges with policy "same-bridge", each as a pair with itself: a rule cannot compare two names of interfaces. */
export const sameBridgeSet = {
  table: firewallTable,
  name: "same_bridge",
  key: ["ifname", "ifname"],
} as const satisfies NamedSet;

/** The administrator's chain: created when it is missing, and not changed afterwards. */
export const adminChain: ChainName & { readonly comment: string } = {
  table: firewallTable,
  name: "admin",
  comment: "yours: asked before containers are let through",
};

function rule(...statements: readonly Statement[]): Rule {
  return { expressions: compileRule("inet", statements) };
}

/** The table without its elements, the chains of bridges and the administrator's chain. */
export const firewallDefinition = lazy(
  (): TableDefinition => ({
    table: { ...firewallTable, comment: "CNI firewall plugin: forwarded packets of containers" },
    sets: [addressMaps[4], addressMaps[6], bridgeSet, sameBridgeSet, ownerMap],
    chains: [
      {
        name: "isolation",
        rules: [
          rule(inSet(["iifname", "oifname"], "==", sameBridgeSet.name), verdict("return")),
          rule(
            inSet(["iifname"], "==", bridgeSet.name),
            inSet(["oifname"], "==", bridgeSet.name),
            verdict("drop"),
          ),
        ],
      },
      {
        name: "forward",
        base: { type: "filter", hook: "forward", priority: priority.filter, policy: "accept" },
        rules: [
          rule(verdict("jump", "isolation")),
          rule(verdict("jump", adminChain.name)),
          rule(ctState("established", "related"), verdictMap(["ip daddr"], addressMaps[4].name)),
          rule(ctState("established", "related"), verdictMap(["ip6 daddr"], addressMaps[6].name)),
          rule(verdictMap(["ip saddr"], addressMaps[4].name)),
          rule(verdictMap(["ip6 saddr"], addressMaps[6].name)),
        ],
      },
    ],
  }),
);

/** The chain to which the addresses of a bridge's containers lead. */
export function bridgeChain(bridge: string): ChainName {
  return { table: firewallTable, name: chainOfBridge(bridge) };
}

export const bridgeChainRules = lazy((): readonly Rule[] => [rule(verdict("accept"))]);

/** The element of an address. */
export function addressElement(address: IpAddress, bridge: string | undefined, comment: string): Element {
  const way =
    bridge === undefined
      ? ({ kind: "accept" } as const)
      : ({ kind: "jump", chain: chainOfBridge(bridge) } as const);
  return { key: addressValue(address), data: { verdict: way }, comment };
}

export function bridgeElement(bridge: string): Element {
  return { key: interfaceValue(bridge) };
}

export function sameBridgeElement(bridge: string): Element {
  return { key: concatenate(interfaceValue(bridge), interfaceValue(bridge)) };
}
