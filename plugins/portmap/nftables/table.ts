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
import {
  masqueradedSources,
  type Sources,
  sourceAlternatives,
  sourcesChain,
  sourcesPart,
} from "./sources.ts";

/*
 * Table `cni_portmap` of each family has maps from a host port to a container's address and port, so that a packet, and a
 * call, cost the same with any number of containers. A packet is looked up twice: a verdict map leads to the chain that
 * knows the conditions and marks of its configuration, and that chain translates it by a map of targets.
 *
 * The Go plugin has a rule for each port instead. The comment of its portmap_nftables.go rejects maps: nothing says "delete
 * this element, but only if it was added for container A", so that a late DEL deletes the port of whoever has it by then.
 * Ours does that in two steps. Each element has its owner as a comment (`NETWORK/CONTAINER/IFNAME`), so that a plan only
 * deletes elements of its own owner. And a batch carries the generation of the ruleset from which it was planned: if
 * anybody has changed the ruleset since, the kernel refuses the batch, and it is planned again. So no element can change
 * its owner between the look and the deletion.
 *
 *   - A key of a map leads to one address only. Claims of a container's other networks queue in map `waiting`, and the batch
 *     that frees a port hands it over (`waiting.ts`).
 *   - Finding an owner's elements by their comments would read whole maps. Map `owners` lists their keys (`owners.ts`).
 *   - The Go plugin's rules are found and removed, but never written (`go-rules.ts`).
 *
 * The mark (fwmark) means "masquerade this" to others too: to CNI-HOSTPORT-MASQ of iptables (the Go plugin's and ours),
 * which stays after the last container, to netavark, and to kube-proxy (bit 14). So only packets get it that are to be
 * masqueraded: the chains that lead to a container know its network and mark packets from there, or all packets with
 * `masqAll`. Every other client keeps its address, whatever others do with the mark. The mark is never cleared, since
 * somebody else may have set it before. Two alternatives were rejected: the mark of a connection means the same to whoever
 * restores it, and a connection's original destination does not tell who translated it, since a service of kube-proxy may
 * have the same port and lead to the same container.
 */

/** Returns the table of a family. */
export function tableOf(family: IpFamily): TableName {
  return { family: family === 4 ? "ip" : "ip6", name: "cni_portmap" };
}

/**
 * The comment of our tables. Those of earlier versions, which had no map `owners` from the beginning, have another one.
 */
export const tableComment = "CNI portmap: published ports of containers, listed by owner";

/** The maps of a family's table. Keys are `[address .] protocol . port`, as the packet has them. */
export interface Maps {
  /** The targets of ports of one address of the host. */
  readonly addressTargets: NamedSet;
  /** The targets of ports of all its addresses. */
  readonly portTargets: NamedSet;
  /** The chains, with conditions and marks, through which such packets go. */
  readonly addressChains: NamedSet;
  readonly portChains: NamedSet;
  /** For each container's address, the chain that knows whose connections to it are masqueraded. */
  readonly sources: NamedSet;
  /** Claims on ports that lead to another network of the same container. No rule uses this map. */
  readonly waiting: NamedSet;
  /** The keys that each owner has in the other maps. */
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

/** The chains through which a publication's packets go. */
interface Chains {
  readonly address: string;
  readonly port: string;
  /** Absent without masquerading. */
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

/** Returns the sources whose connections to a container are masqueraded; undefined without masquerading. */
function masqueradedFor({ masquerade }: PortmapConfig, container: IpPrefix): Sources | undefined {
  return masquerade.kind === "mark" ? masqueradedSources(masquerade.all, container) : undefined;
}

/**
 * Returns the chains of a configuration in tables of earlier versions, which marked everybody's connections there.
 */
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

/** Whether a chain is one of any number, so that it is removed with its last user. */
export function isTransient(chain: string): boolean {
  return chain.includes(conditionalPart) || chain.includes(sourcesPart);
}

/** Returns everything in the table, but elements, that a container of this configuration and address needs. */
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

  /** Whether any element will lead to a chain. A transient one goes with its last element, so without any it would stay. */
  function isUsed(chain: string, isLeading: (mapping: PortMapping) => boolean): boolean {
    const mappings = mappingsOf(config.mappings, family);
    return !isTransient(chain) || mappings.length === 0 || mappings.some(isLeading);
  }
}

/** Whether a chain is for ports of one address of the host, or for those of all its addresses. */
type Leading = "address" | "port";

/** Returns the chain through which packets get to containers with these masqueraded sources, if any. */
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
  // Each rule both marks and translates: conditions may be about the mark, which a rule of its own would have changed.
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

/**
 * Returns the statements before the translation, for one rule each: the mark for masqueraded sources, nothing for others.
 */
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

/**
 * After others: the first to translate a destination wins, and services of kube-proxy, Docker and iptables go first.
 */
const afterOthers = priority.dstnat + 1;
/** Before others: their masquerading leaves connections within a container's network alone, ours must not. */
const beforeOthers = priority.srcnat - 1;

function commentOf({ text }: Conditions): string {
  return text.replaceAll('"', "").slice(0, 100);
}
