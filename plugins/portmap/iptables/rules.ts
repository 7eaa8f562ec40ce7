import { formatIp, type IpFamily, parseIp } from "../../../shared/ip/address.ts";
import { formatPrefix, type IpPrefix, networkOf } from "../../../shared/ip/prefix.ts";
import { type Rule, ruleKey, sameRule } from "../../../shared/iptables/rule.ts";
import type { Ruleset } from "../../../shared/iptables/ruleset.ts";
import type { Masquerade, PortmapConfig } from "../config.ts";
import { mappingsOf, type PortMapping, type PublishedPort } from "../mappings.ts";
import type { Publication } from "../publication.ts";
import { containerChain, dnatChain, goRuleComment, markChain, masqueradeChain } from "./names.ts";

/** A rule with the chain that it belongs into. */
interface ChainRule {
  readonly chain: string;
  readonly rule: Rule;
}

/** What table nat holds for one publication. Rules are in the form of `iptables-save`. */
export interface DesiredRules {
  readonly family: IpFamily;
  /** The container's chain and its rules. */
  readonly chain: string;
  readonly rules: readonly Rule[];
  /** The rules in CNI-HOSTPORT-DNAT that lead there. */
  readonly entries: readonly EntryRule[];
  /** Chains shared by all containers, each with the rule that it holds, if it is ours to fill. */
  readonly sharedChains: readonly { readonly chain: string; readonly rule?: Rule }[];
  /** Jumps from built-in chains to shared ones; those that come first are inserted before others' rules. */
  readonly jumps: readonly (ChainRule & { readonly first: boolean })[];
  /** Chains of somebody else which have to exist, because rules lead there. */
  readonly requiredChains: readonly string[];
}

/** A rule that leads to the container's chain. How `iptables-save` prints it depends on the conditions. */
interface EntryRule {
  readonly beforeConditions: Rule;
  readonly conditions: Rule;
  readonly afterConditions: Rule;
}

/** The most ports in one multiport match of iptables. */
const maxPorts = 15;

/** Returns the rules that a publication needs. */
export function desiredRules({ attachment, config, family, container }: Publication): DesiredRules {
  const { network, containerId } = attachment;
  const { masquerade } = config;
  const chain = containerChain(network, containerId);
  const comment = goRuleComment(network, containerId);
  const mappings = mappingsOf(config.mappings, family);
  return {
    chain,
    rules: unique(mappings.flatMap((mapping) => mappingRules(mapping, masquerade, container))),
    entries: portLists(config.mappings).map(({ protocol, ports }) => ({
      beforeConditions: [
        ...["-p", protocol, "-m", "comment", "--comment", comment],
        ...["-m", "multiport", "--dports", ports.join(",")],
      ],
      conditions: config.conditions[family],
      afterConditions: ["-j", chain],
    })),
    sharedChains: [...markChains(masquerade), { chain: dnatChain }],
    jumps: jumps(masquerade),
    family,
    requiredChains: requiredChains(config, family),
  };
}

/** Returns the chains with rules of a publication: the container's own, then those of `sharedChainsOf`. */
export function chainsOfPublication(publication: Omit<Publication, "container">): string[] {
  const { network, containerId } = publication.attachment;
  return [containerChain(network, containerId), ...sharedChainsOf(publication)];
}

/** Returns the chains in which all containers have rules, built-in ones included. */
export function sharedChainsOf({ config, family }: Pick<Publication, "config" | "family">): string[] {
  const { masquerade } = config;
  const chains = [...markChains(masquerade), { chain: dnatChain }, ...jumps(masquerade)].map(
    ({ chain }) => chain,
  );
  return [...new Set([...chains, ...requiredChains(config, family)])];
}

/** Returns the chains of somebody else to which rules lead. */
function requiredChains({ masquerade, mappings }: PortmapConfig, family: IpFamily): string[] {
  return masquerade.kind === "chain" && mappingsOf(mappings, family).length > 0 ? [masquerade.chain] : [];
}

/** Returns the arguments of an entry rule, for iptables-restore. */
export function entryWords({ beforeConditions, conditions, afterConditions }: EntryRule): Rule {
  return [...beforeConditions, ...conditions, ...afterConditions];
}

/**
 * Whether a saved rule is this entry rule. iptables prints conditions in its own way, so of a rule with conditions only
 * the rest is compared, and that there are some.
 */
function isEntryRule(entry: EntryRule, saved: Rule): boolean {
  const plain = [...entry.beforeConditions, ...entry.afterConditions];
  if (entry.conditions.length === 0) return sameRule(plain, saved);
  const left = [...saved];
  for (const word of plain) {
    const index = left.indexOf(word);
    if (index === -1) return false;
    left.splice(index, 1);
  }
  return left.length > 0;
}

/** Returns a function that returns those of the saved rules that are an entry rule. */
export function entryFinder(saved: readonly Rule[]): (entry: EntryRule) => readonly Rule[] {
  const byPorts = Map.groupBy(saved, (rule) => rule[rule.indexOf("--dports") + 1]);
  return (entry) =>
    (byPorts.get(entry.beforeConditions.at(-1)) ?? []).filter((rule) => isEntryRule(entry, rule));
}

function mappingRules(mapping: PortMapping, masquerade: Masquerade, address: IpPrefix): Rule[] {
  const { family } = address.address;
  const { protocol, hostPort, containerPort, hostIp } = mapping;
  const to = hostIp === undefined ? [] : ["-d", hostPrefix(formatIp(hostIp), family)];
  const port = ["-p", protocol, "-m", protocol, "--dport", `${hostPort}`];
  const target = formatIp(address.address);
  const destination = `${family === 6 ? `[${target}]` : target}:${containerPort}`;
  return [
    ...markedSources(masquerade, address).map((source) => [
      ...source,
      ...to,
      ...port,
      "-j",
      setMark(masquerade),
    ]),
    [...to, ...port, "-j", "DNAT", "--to-destination", destination],
  ];
}

/**
 * Returns the sources whose connections are masqueraded, so that answers come back through the host: `-s` or nothing for
 * all.
 */
function markedSources(masquerade: Masquerade, address: IpPrefix): Rule[] {
  if (masquerade.kind === "off") return [];
  if (masquerade.all) return [[]];
  const own = address.prefixLength === 0 ? [] : ["-s", formatPrefix(networkOf(address))];
  return address.address.family === 4 ? [own, ["-s", "127.0.0.1/32"]] : [own];
}

function setMark(masquerade: Masquerade): string {
  return masquerade.kind === "chain" ? masquerade.chain : markChain;
}

function hostPrefix(address: string, family: IpFamily): string {
  return `${address}/${family === 4 ? 32 : 128}`;
}

/**
 * Returns host ports by protocol (in byte order), in portions that fit into one rule. Ports whose host address is of the
 * other family are included, as by the Go plugin: their packets find no rule in the container's chain.
 */
function portLists(mappings: readonly PortMapping[]): { protocol: string; ports: number[] }[] {
  const lists: { protocol: string; ports: number[] }[] = [];
  for (const protocol of [...new Set(mappings.map((mapping) => mapping.protocol))].sort()) {
    const ports = mappings.filter((mapping) => mapping.protocol === protocol).map(({ hostPort }) => hostPort);
    for (let start = 0; start < ports.length; start += maxPorts) {
      lists.push({ protocol, ports: ports.slice(start, start + maxPorts) });
    }
  }
  return lists;
}

function markChains(masquerade: Masquerade): { chain: string; rule: Rule }[] {
  if (masquerade.kind !== "mark") return [];
  const hex = `0x${(2 ** masquerade.bit).toString(16)}`;
  const mark = `${hex}/${hex}`;
  const comment = "CNI portfwd masquerade mark";
  return [
    { chain: markChain, rule: ["-m", "comment", "--comment", comment, "-j", "MARK", "--set-xmark", mark] },
    { chain: masqueradeChain, rule: ["-m", "mark", "--mark", mark, "-j", "MASQUERADE"] },
  ];
}

function jumps(masquerade: Masquerade): (ChainRule & { first: boolean })[] {
  const local = ["-m", "addrtype", "--dst-type", "LOCAL", "-j", dnatChain];
  const marked = ["-m", "comment", "--comment", "CNI portfwd requiring masquerade", "-j", masqueradeChain];
  return [
    ...(masquerade.kind === "mark" ? [{ chain: "POSTROUTING", rule: marked, first: true }] : []),
    { chain: "PREROUTING", rule: local, first: false },
    { chain: "OUTPUT", rule: local, first: false },
  ];
}

function unique(rules: readonly Rule[]): Rule[] {
  return [...new Map(rules.map((rule) => [ruleKey(rule), rule])).values()];
}

/** Returns the ports that chains publish. Only these rules know them. */
export function publishedPorts(current: Ruleset, chains: readonly string[]): PublishedPort[] {
  return portsOfRules(chains.flatMap((chain) => current.rules(chain)));
}

/** Returns the ports that the rules of a container's chain publish. */
export function portsOfRules(rules: readonly Rule[]): PublishedPort[] {
  return rules.map(portOfRule).filter((port) => port !== undefined);
}

function portOfRule(rule: Rule): PublishedPort | undefined {
  const after = (option: string): string => {
    const index = rule.indexOf(option);
    return index === -1 ? "" : (rule[index + 1] ?? "");
  };
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(after("--to-destination")) ?? [];
  const container = parseIp(bracketed ?? plain ?? "");
  const hostPort = Number(after("--dport"));
  if (container === undefined || !Number.isInteger(hostPort) || hostPort === 0) return undefined;
  const hostIp = parseIp(after("-d").split("/")[0] ?? "");
  return {
    protocol: after("-p"),
    hostPort,
    ...(hostIp === undefined ? {} : { hostIp }),
    container,
    containerPort: Number(port),
  };
}
