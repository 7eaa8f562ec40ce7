import {
  formatPrefix,
  type IpPrefix,
  isDefaultPrefix,
  networkOf,
  parsePrefix,
} from "../../../shared/ip/prefix.ts";
import { sha512 } from "../../../shared/linux/sha512.ts";
import { priority } from "../../../shared/nftables/chain.ts";
import type { TableName } from "../../../shared/nftables/command.ts";
import type { DataType } from "../../../shared/nftables/data-type.ts";
import type { Rule } from "../../../shared/nftables/rule.ts";
import type { NamedSet } from "../../../shared/nftables/set.ts";
import * as words from "../../../shared/nftables/statement.ts";
import type { ChainDefinition, TableDefinition } from "../../../shared/nftables/table-definition.ts";
import { defaultMarkBit, type PortmapConfig } from "../config.ts";
import { mappingsOf, type PortMapping } from "../mappings.ts";
import type { Conditions } from "./conditions.ts";

/** The table of a family. */
export function tableOf(family: 4 | 6): TableName {
  return { family: family === 4 ? "ip" : "ip6", name: "cni_portmap" };
}

/** Also says that map `owners` has been in the table from its beginning: earlier versions' comment was another. */
export const tableComment = "CNI portmap: published ports of containers, listed by owner";

/** The maps of a family's table. Keys are `[address .] protocol . port`, as the packet has them. */
export interface Maps {
  /** Where ports of one address of the host lead. */
  readonly addressTargets: NamedSet;
  /** Where ports of all its addresses lead. */
  readonly portTargets: NamedSet;
  /** By which chain, which knows conditions and marks, such packets get there. */
  readonly addressChains: NamedSet;
  readonly portChains: NamedSet;
  /** For a container's address, the chain that knows whose connections to it are masqueraded. */
  readonly sources: NamedSet;
  /** Ports that lead to another network of the same container, with where else they could lead: no rule uses it. */
  readonly waiting: NamedSet;
  /** What each owner has in the others. */
  readonly owners: NamedSet;
}

export function mapsOf(family: 4 | 6): Maps {
  const table = tableOf(family);
  const address = addressType(family);
  const port = ["inet_proto", "inet_service"] as const;
  const target = [address, "inet_service"] as const;
  return {
    addressTargets: { table, name: "address_targets", key: [address, ...port], data: target },
    portTargets: { table, name: "port_targets", key: port, data: target },
    addressChains: { table, name: "address_chains", key: [address, ...port], data: "verdict" },
    portChains: { table, name: "port_chains", key: port, data: "verdict" },
    sources: { table, name: "sources", key: [address], data: "verdict" },
    waiting: { table, name: "waiting", key: [address, ...port, ...target], data: "verdict" },
    owners: { table, name: "owners", key: ["ifname", "mark"], data: [address, ...port] },
  };
}

function addressType(family: 4 | 6): DataType {
  return family === 4 ? "ipv4_addr" : "ipv6_addr";
}

/** The chains that a configuration's mappings of one family go through. */
export interface Chains {
  readonly address: string;
  readonly port: string;
  /** Only with masquerading. */
  readonly sources?: string;
}

export function chainsOf(config: PortmapConfig, container: IpPrefix): Chains {
  const { masquerade } = config;
  const conditions = config.nftConditions[container.address.family];
  const mark = masquerade.kind === "mark" ? `mark${masquerade.bit}` : "plain";
  const suffix =
    conditions.text === "" ? mark : `${mark}${conditionalPart}${sha512(conditions.text).slice(0, 12)}`;
  const plain = { address: `address_${suffix}`, port: `port_${suffix}` };
  return masquerade.kind === "mark" ? { ...plain, sources: sourcesChain(masquerade.all, container) } : plain;
}

const conditionalPart = "_if_";
const sourcesPart = "from_";

/** Whether there may be any number of chains like this one, so that it goes with its last user. */
export function isTransient(chain: string): boolean {
  return chain.includes(conditionalPart) || chain.startsWith(sourcesPart);
}

/** The network of an address that is masqueraded for; undefined when everybody is. */
function sourceNetwork(all: boolean, container: IpPrefix): IpPrefix | undefined {
  return all || isDefaultPrefix(container) ? undefined : networkOf(container);
}

function sourcesChain(all: boolean, container: IpPrefix): string {
  const network = sourceNetwork(all, container);
  return `${sourcesPart}${network === undefined ? "any" : formatPrefix(network).replaceAll(":", "_")}`;
}

/** Everything in the table but elements that a container of this configuration and address needs. */
export function tableDefinition(config: PortmapConfig, container: IpPrefix): TableDefinition {
  const { family } = container.address;
  const table = tableOf(family);
  const chains = chainsOf(config, container);
  const maps = mapsOf(family);
  const { masquerade } = config;
  const conditions = config.nftConditions[family];
  const bit = masquerade.kind === "mark" ? masquerade.bit : undefined;
  const rule = (...statements: words.Statement[]): Rule => ({
    expressions: words.compileRule(table.family, statements),
  });
  const daddr = family === 4 ? "ip daddr" : "ip6 daddr";
  const saddr = family === 4 ? "ip saddr" : "ip6 saddr";
  const port = ["meta l4proto", "th dport"] as const;
  const leading = (fields: Parameters<typeof words.dnatByMap>[1], targets: NamedSet) =>
    conditions.alternatives.map((holds) => {
      const marked = bit === undefined ? [] : [words.addMark("meta mark", 2 ** bit)];
      return rule(...holds, ...marked, words.dnatByMap(family, fields, targets.name));
    });
  const policy = (name: string, rules: readonly Rule[]): ChainDefinition => ({
    name,
    ...(conditions.text === "" ? {} : { comment: commentOf(conditions) }),
    rules,
  });

  const toHost = words.isLocalDestination();
  const jump = words.verdict("jump", hostports);
  const loopback = (text: string) => {
    const prefix = parsePrefix(text);
    return prefix === undefined ? [] : [words.inPrefix(daddr, "!=", prefix)];
  };
  const definitions: ChainDefinition[] = [
    {
      name: hostports,
      rules: [
        rule(words.verdictMap([daddr, ...port], maps.addressChains.name)),
        rule(words.verdictMap(port, maps.portChains.name)),
      ],
    },
    ...(isUsed(chains.address, ({ hostIp }) => hostIp !== undefined)
      ? [policy(chains.address, leading([daddr, ...port], maps.addressTargets))]
      : []),
    ...(isUsed(chains.port, ({ hostIp }) => hostIp === undefined)
      ? [policy(chains.port, leading(port, maps.portTargets))]
      : []),
    {
      name: "prerouting",
      base: { type: "nat", hook: "prerouting", priority: afterOthers, policy: "accept" },
      // route_localnet lets neighbours address 127.0.0.1: what is published there is for the host alone.
      rules: [rule(...(family === 4 ? loopback("127.0.0.0/8") : []), toHost, jump)],
    },
    {
      name: "output",
      base: { type: "nat", hook: "output", priority: afterOthers, policy: "accept" },
      // Answers to ::1 have no way back: whoever tries it first is to see at once that nobody is there.
      rules: [rule(...(family === 6 ? loopback("::1/128") : []), toHost, jump)],
    },
  ];
  if (bit !== undefined && chains.sources !== undefined && masquerade.kind === "mark") {
    definitions.push(
      { name: chains.sources, rules: sourceRules(masquerade.all, container).map((all) => rule(...all)) },
      {
        name: bit === defaultMarkBit ? "postrouting" : `postrouting_mark${bit}`,
        base: { type: "nat", hook: "postrouting", priority: beforeOthers, policy: "accept" },
        rules: [rule(words.hasMark("meta mark", 2 ** bit), words.verdictMap([daddr], maps.sources.name))],
      },
    );
  }
  return {
    table: { ...table, comment: tableComment },
    sets: Object.values(maps),
    chains: definitions,
  };

  /** Nobody would remove a chain of conditions that no element leads to. */
  function isUsed(chain: string, isLeading: (mapping: PortMapping) => boolean): boolean {
    const mappings = mappingsOf(config.mappings, family);
    return !isTransient(chain) || mappings.length === 0 || mappings.some(isLeading);
  }

  function sourceRules(all: boolean, of: IpPrefix): words.Statement[][] {
    const network = sourceNetwork(all, of);
    if (network === undefined) return [[words.masquerade()]];
    const host = family === 4 ? parsePrefix("127.0.0.0/8") : undefined;
    return [network, host]
      .filter((prefix) => prefix !== undefined)
      .map((prefix) => [words.inPrefix(saddr, "==", prefix), words.masquerade()]);
  }
}

const hostports = "hostports";

/** The first to translate a destination wins: services of kube-proxy, Docker and iptables go before ours. */
const afterOthers = priority.dstnat + 1;
/** Masquerading of containers by others leaves connections within their network alone, ours must not. */
const beforeOthers = priority.srcnat - 1;

function commentOf({ text }: Conditions): string {
  return text.replaceAll('"', "").slice(0, 100);
}
