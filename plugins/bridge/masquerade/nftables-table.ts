import { lazy } from "../../../shared/basics/lazy.ts";
import type { IpAddress, IpFamily } from "../../../shared/ip/address.ts";
import { formatPrefix, type IpPrefix, networkOf, parsePrefix } from "../../../shared/ip/prefix.ts";
import type { ChainName } from "../../../shared/nftables/chain.ts";
import { priority } from "../../../shared/nftables/chain.ts";
import type { TableName } from "../../../shared/nftables/command.ts";
import { addressValue } from "../../../shared/nftables/data-type.ts";
import type { Element } from "../../../shared/nftables/element.ts";
import type { Rule } from "../../../shared/nftables/rule.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import {
  compileRule,
  inPrefix,
  masquerade,
  verdict,
  verdictMap,
} from "../../../shared/nftables/statement.ts";
import type { TableDefinition } from "../../../shared/nftables/table-definition.ts";

/*
 * Masquerading with nf_tables: the table's chains do not depend on the containers. Each address of a container is an
 * element of a verdict map, which leads to the chain of its subnet. So the cost of a packet and of a call does not grow
 * with the number of containers. The Go plugin has a rule for each address instead. All of this is pure.
 */

export const masqueradeTable: TableName = { family: "inet", name: "cni_masquerade" };

/** Maps from source addresses to chains of subnets. The comment of an element names the attachment. */
export const sources = {
  4: { table: masqueradeTable, name: "sources4", key: ["ipv4_addr"], data: "verdict" },
  6: { table: masqueradeTable, name: "sources6", key: ["ipv6_addr"], data: "verdict" },
} as const satisfies Record<IpFamily, NamedSet>;

/** The definition of the table, without elements and chains of subnets. */
export const masqueradeDefinition = lazy(
  (): TableDefinition => ({
    table: { ...masqueradeTable, comment: "CNI bridge plugin: source translation for containers (ipMasq)" },
    sets: [sources[4], sources[6]],
    chains: [
      {
        name: "postrouting",
        base: { type: "nat", hook: "postrouting", priority: priority.srcnat, policy: "accept" },
        rules: [
          // With br_netfilter such packets come here on their way from one port of a bridge to another.
          staying("ip daddr", "224.0.0.0/4"),
          staying("ip daddr", "255.255.255.255/32"),
          staying("ip6 daddr", "ff00::/8"),
          { expressions: compileRule("inet", [verdictMap(["ip saddr"], sources[4].name)]) },
          { expressions: compileRule("inet", [verdictMap(["ip6 saddr"], sources[6].name)]) },
        ],
      },
    ],
  }),
);

function staying(field: "ip daddr" | "ip6 daddr", text: string): Rule {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new RangeError(text);
  return { expressions: compileRule("inet", [inPrefix(field, "==", prefix), verdict("return")]) };
}

const subnetStart = "leaving-";

/** The chain of a subnet, which all its containers share. */
export function subnetChain(address: IpPrefix): ChainName {
  // A colon would have to be quoted by whoever types the name.
  return {
    table: masqueradeTable,
    name: `${subnetStart}${formatPrefix(networkOf(address)).replaceAll(":", "_")}`,
  };
}

export function isSubnetChain(name: string): boolean {
  return name.startsWith(subnetStart);
}

/** The one rule of a subnet's chain: packets that stay in the subnet keep their source. */
export function subnetRule(address: IpPrefix): Rule {
  const field = address.address.family === 4 ? "ip daddr" : "ip6 daddr";
  return { expressions: compileRule("inet", [inPrefix(field, "!=", networkOf(address)), masquerade()]) };
}

/** The element of an address. */
export function sourceElement(address: IpPrefix, comment: string): Element {
  const target = { kind: "goto", chain: subnetChain(address).name } as const;
  return { key: sourceKey(address.address), data: { verdict: target }, comment };
}

export function sourceKey(address: IpAddress): Uint8Array {
  return addressValue(address);
}
