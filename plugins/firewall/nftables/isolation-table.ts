import { lazy } from "../../../shared/errors/lazy.ts";
import type { ChainName } from "../../../shared/nftables/chain.ts";
import type { TableName } from "../../../shared/nftables/command.ts";
import { interfaceValue } from "../../../shared/nftables/data-type.ts";
import type { Element } from "../../../shared/nftables/element.ts";
import type { Rule } from "../../../shared/nftables/rule.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import { compileRule, verdict, verdictMap } from "../../../shared/nftables/statement.ts";
import type { TableDefinition } from "../../../shared/nftables/table-definition.ts";
import { chainOfBridge } from "./bridge-chain.ts";

/**
 * Packets between two ports of a bridge come to the tables of IP only with br_netfilter. This table of the bridge
 * family sees them always. It exists while a bridge is isolated. All of this is pure.
 */
export const isolationTable: TableName = { family: "bridge", name: "cni_firewall" };

/** Ports of bridges whose containers asked for isolation; each leads to its bridge's chain. Comment: the owner. */
export const portMap = {
  table: isolationTable,
  name: "ports",
  key: ["ifname"],
  data: "verdict",
} as const satisfies NamedSet;

/** NF_BR_PRI_FILTER_BRIDGED, which `nft` calls "filter" (linux/netfilter_bridge.h). */
const bridgeFilter = -200;

function rule(field: "iifname" | "oifname"): Rule {
  return { expressions: compileRule("bridge", [verdictMap([field], portMap.name)]) };
}

export const isolationDefinition = lazy(
  (): TableDefinition => ({
    table: { ...isolationTable, comment: "CNI firewall plugin: ingressPolicy isolated" },
    sets: [portMap],
    chains: [
      {
        name: "forward",
        base: { type: "filter", hook: "forward", priority: bridgeFilter, policy: "accept" },
        rules: [rule("iifname"), rule("oifname")],
      },
    ],
  }),
);

/** What becomes of packets of a bridge's ports: nothing when its policy is another by now. */
export function portChain(bridge: string): ChainName {
  return { table: isolationTable, name: chainOfBridge(bridge) };
}

export const portChainRules = lazy((): readonly Rule[] => [
  { expressions: compileRule("bridge", [verdict("drop")]) },
]);

export function portElement(port: string, bridge: string, comment: string): Element {
  const way = { kind: "jump", chain: chainOfBridge(bridge) } as const;
  return { key: interfaceValue(port), data: { verdict: way }, comment };
}
