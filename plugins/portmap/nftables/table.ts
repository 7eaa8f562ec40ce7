import { sha512 } from "../../../shared/cni/sha512.ts";
import type { IpFamily } from "../../../shared/ip/address.ts";
import { type IpPrefix, parsePrefix } from "../../../shared/ip/prefix.ts";
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
import { type Sources, sourceAlternatives, sourcesChain, sourcesOf, sourcesPart } from "./sources.ts";

/*
 * The mark says "masquerade this", with this bit, to others too: to CNI-HOSTPORT-MASQ of iptables (the Go plugin's and
 * ours), which stays after the last container, to netavark, to kube-proxy (bit 14). So only those packets get it that
 * are masqueraded here: the chains that lead to a container know its network, and mark what comes from there, or with
 * `masqAll` everything; every other client is seen as it is, whatever others do with the mark. No mark is cleared
 * again: nothing would tell ours from one that somebody else had set before. A mark of the connection would mean the
 * same to who restores it, and the connection's original destination does not tell who translated it: a service of
 * kube-proxy may have the same port and lead to the same container.
 */

/** The table of a family. */
export function tableOf(family: IpFamily): TableName {
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

export function mapsOf(family: IpFamily): Maps {
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

function addressType(family: IpFamily): DataType {
  return family === 4 ? "ipv4_addr" : "ipv6_addr";
}

/** The chains that a configuration's mappings of one family go through. */
interface Chains {
  readonly address: string;
  readonly port: string;
  /** Only with masquerading. */
  readonly sources?: string;
}

export function chainsOf(config: PortmapConfig, container: IpPrefix): Chains {
  const { family } = container.address;
  const sources = masqueradedFor(config, container);
  return {
    address: `address_${suffixOf(config, family, sources)}`,
    port: `port_${suffixOf(config, family, sources)}`,
    ...(sources === undefined ? {} : { sources: sourcesChain(sources) }),
  };
}

/** Whose connections to a container are masqueraded; undefined when nobody's are. */
function masqueradedFor({ masquerade }: PortmapConfig, container: IpPrefix): Sources | undefined {
  return masquerade.kind === "mark" ? sourcesOf(masquerade.all, container) : undefined;
}

/** The chains of a configuration in tables of earlier versions, which marked everybody's connections there. */
export function formerChainsOf(config: PortmapConfig, family: IpFamily): readonly string[] {
  if (config.masquerade.kind !== "mark") return [];
  const suffix = suffixOf(config, family);
  return [`address_${suffix}`, `port_${suffix}`];
}

function suffixOf({ masquerade, nftConditions }: PortmapConfig, family: IpFamily, sources?: Sources): string {
  const { text } = nftConditions[family];
  const mark = masquerade.kind === "mark" ? `mark${masquerade.bit}` : "plain";
  const conditional = text === "" ? "" : `${conditionalPart}${sha512(text).slice(0, 12)}`;
  return `${mark}${conditional}${sources === undefined ? "" : `_${sourcesChain(sources)}`}`;
}

const conditionalPart = "_if_";

/** Whether there may be any number of chains like this one, so that it goes with its last user. */
export function isTransient(chain: string): boolean {
  return chain.includes(conditionalPart) || chain.includes(sourcesPart);
}

/** Everything in the table but elements that a container of this configuration and address needs. */
export function tableDefinition(config: PortmapConfig, container: IpPrefix): TableDefinition {
  const { family } = container.address;
  const table = tableOf(family);
  const chains = chainsOf(config, container);
  const maps = mapsOf(family);
  const { masquerade } = config;
  const sources = masqueradedFor(config, container);
  const rule = (...statements: words.Statement[]): Rule => ({
    expressions: words.compileRule(table.family, statements),
  });
  const daddr = family === 4 ? "ip daddr" : "ip6 daddr";
  const port = ["meta l4proto", "th dport"] as const;

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
      ? [leadingChain(config, family, "address", sources)]
      : []),
    ...(isUsed(chains.port, ({ hostIp }) => hostIp === undefined)
      ? [leadingChain(config, family, "port", sources)]
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
  if (sources !== undefined && masquerade.kind === "mark") {
    const { bit } = masquerade;
    definitions.push(
      {
        name: sourcesChain(sources),
        rules: sourceAlternatives(sources, family).map((from) => rule(...from, words.masquerade())),
      },
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
}

/** Chains for ports of one address of the host, and for those of all its addresses. */
type Leading = "address" | "port";

/** The chain by which ports lead to containers for which these sources are masqueraded, perhaps nobody. */
export function leadingChain(
  config: PortmapConfig,
  family: IpFamily,
  of: Leading,
  sources: Sources | undefined,
): ChainDefinition {
  const maps = mapsOf(family);
  const conditions = config.nftConditions[family];
  const daddr = family === 4 ? "ip daddr" : "ip6 daddr";
  const port = ["meta l4proto", "th dport"] as const;
  const translate =
    of === "port"
      ? words.dnatByMap(family, port, maps.portTargets.name)
      : words.dnatByMap(family, [daddr, ...port], maps.addressTargets.name);
  const marks = marksOf(config, family, sources);
  // Each rule is whole: conditions may be about the mark, which the rule before would have changed.
  const rules = conditions.alternatives.flatMap((holds) =>
    marks.map((mark): Rule => {
      const statements = [...holds, ...mark, translate];
      return { expressions: words.compileRule(maps.portTargets.table.family, statements) };
    }),
  );
  return {
    name: `${of}_${suffixOf(config, family, sources)}`,
    ...(conditions.text === "" ? {} : { comment: commentOf(conditions) }),
    rules,
  };
}

/** What comes before the translation, in one rule each: the mark for those who are masqueraded, nothing for the rest. */
function marksOf(
  { masquerade }: PortmapConfig,
  family: IpFamily,
  sources: Sources | undefined,
): words.Statement[][] {
  if (masquerade.kind !== "mark" || sources === undefined) return [[]];
  const mark = words.addMark("meta mark", 2 ** masquerade.bit);
  const marked = sourceAlternatives(sources, family).map((from) => [...from, mark]);
  return sources === "any" ? marked : [...marked, []];
}

const hostports = "hostports";

/** The first to translate a destination wins: services of kube-proxy, Docker and iptables go before ours. */
const afterOthers = priority.dstnat + 1;
/** Masquerading of containers by others leaves connections within their network alone, ours must not. */
const beforeOthers = priority.srcnat - 1;

function commentOf({ text }: Conditions): string {
  return text.replaceAll('"', "").slice(0, 100);
}
