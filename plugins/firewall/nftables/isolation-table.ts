import { lazy } from "../../../shared/basics/lazy.ts";
import type { ChainName } from "../../../shared/nftables/chain.ts";
import type { TableName } from "../../../shared/nftables/command.ts";
import { interfaceValue } from "../../../shared/nftables/data-type.ts";
import type { Element } from "../../../shared/nftables/element.ts";
import type { Rule } from "../../../shared/nftables/rule.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import {
  compileRule,
  inSet,
  type Statement,
  verdict,
  verdictMap,
} from "../../../shared/nftables/statement.ts";
import type { TableDefinition } from "../../../shared/nftables/table-definition.ts";
import type { VlanGateway } from "../vlan-gateways.ts";
import { chainOfBridge } from "./bridge-chain.ts";

/**
 * The table that isolates the ports of a bridge from each other. Packets between two ports pass through the tables of IP
 * only with br_netfilter, but always through those of family bridge. It exists while a bridge is isolated. This file is
 * pure.
 */
export const isolationTable: TableName = { family: "bridge", name: "cni_firewall" };

/** Isolated ports; each leads to its bridge's chain. Comment: the owner. */
export const portMap = {
  table: isolationTable,
  name: "ports",
  key: ["ifname"],
  data: "verdict",
} as const satisfies NamedSet;

/** Ports that every port reaches: the peers of VLANs' gateways. Comment: the gateway, BRIDGE.VLAN. */
export const gatewaySet = {
  table: isolationTable,
  name: "gateways",
  key: ["ifname"],
} as const satisfies NamedSet;

/** NF_BR_PRI_FILTER_BRIDGED, which `nft` calls "filter" (linux/netfilter_bridge.h). */
const bridgeFilter = -200;

function rule(...statements: readonly Statement[]): Rule {
  return { expressions: compileRule("bridge", statements) };
}

export const isolationDefinition = lazy(
  (): TableDefinition =>
    definition(
      [portMap, gatewaySet],
      [
        rule(inSet(["iifname"], "==", gatewaySet.name), verdict("accept")),
        rule(inSet(["oifname"], "==", gatewaySet.name), verdict("accept")),
      ],
    ),
);

/** The table of earlier builds. It isolates as well; the next ADD completes it. */
export const formerDefinition = lazy((): TableDefinition => definition([portMap], []));

function definition(sets: readonly NamedSet[], first: readonly Rule[]): TableDefinition {
  return {
    table: { ...isolationTable, comment: "CNI firewall plugin: ingressPolicy isolated" },
    sets,
    chains: [
      {
        name: "forward",
        base: { type: "filter", hook: "forward", priority: bridgeFilter, policy: "accept" },
        rules: [
          ...first,
          rule(verdictMap(["iifname"], portMap.name)),
          rule(verdictMap(["oifname"], portMap.name)),
        ],
      },
    ],
  };
}

/** The chain for packets of a bridge's isolated ports. It is empty when the bridge has another policy by now. */
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

export function gatewayElement({ name, port }: VlanGateway): Element {
  return { key: interfaceValue(port), comment: name };
}
