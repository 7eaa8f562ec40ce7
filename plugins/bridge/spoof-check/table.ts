import { lazy } from "../../../shared/basics/lazy.ts";
import type { ChainName } from "../../../shared/nftables/chain.ts";
import type { TableName } from "../../../shared/nftables/command.ts";
import { concatenate, interfaceValue } from "../../../shared/nftables/data-type.ts";
import type { Element } from "../../../shared/nftables/element.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import { compileRule, inSet, verdict, verdictMap } from "../../../shared/nftables/statement.ts";
import type { TableDefinition } from "../../../shared/nftables/table-definition.ts";
import { claimChains, claimRules } from "./claimed-macs.ts";

/*
 * Source MACs that containers may use (macspoofchk). A guarded port is an element of one map, its MAC one of a set:
 * two look-ups for a frame, however many containers there are, and a third for ARP and neighbour discovery. All of
 * this is pure.
 */

export const spoofCheckTable: TableName = { family: "bridge", name: "cni_spoof_check" };

/** Ports whose frames are checked. The comment of an element names the attachment, in this map and the set below. */
export const guardedPorts = {
  table: spoofCheckTable,
  name: "guarded",
  key: ["ifname"],
  data: "verdict",
} as const satisfies NamedSet;

/** Pairs of a port and the MAC that its frames must have. */
export const senders = {
  table: spoofCheckTable,
  name: "senders",
  key: ["ifname", "ether_addr"],
} as const satisfies NamedSet;

export const checkChain: ChainName = { table: spoofCheckTable, name: "check" };

/** linux/netfilter_bridge.h, NF_BR_PRI_NAT_DST_BRIDGED: before the bridge learns the MAC. */
const priority = -300;

export const spoofCheckDefinition = lazy(
  (): TableDefinition => ({
    table: { ...spoofCheckTable, comment: "CNI bridge plugin: source MACs of containers (macspoofchk)" },
    sets: [guardedPorts, senders],
    chains: [
      {
        name: checkChain.name,
        rules: [
          {
            expressions: compileRule("bridge", [
              inSet(["iifname", "ether saddr"], "!=", senders.name),
              verdict("drop"),
            ]),
          },
          ...claimRules(senders.name),
        ],
      },
      ...claimChains(senders.name),
      {
        name: "prerouting",
        base: { type: "filter", hook: "prerouting", priority, policy: "accept" },
        rules: [{ expressions: compileRule("bridge", [verdictMap(["iifname"], guardedPorts.name)]) }],
      },
    ],
  }),
);

export function guardedElement(port: string, comment: string): Element {
  const data = { verdict: { kind: "goto", chain: checkChain.name } } as const;
  return { key: interfaceValue(port), data, comment };
}

export function senderElement(port: string, mac: Uint8Array, comment: string): Element {
  return { key: concatenate(interfaceValue(port), mac), comment };
}
