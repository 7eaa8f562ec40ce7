import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import { type IpAddress, sameIp } from "../../../shared/ip/address.ts";
import { legacyTableExists } from "../../../shared/iptables/legacy-table.ts";
import { commentOf, type Rule, targetOf } from "../../../shared/iptables/rule.ts";
import type { Ruleset } from "../../../shared/iptables/ruleset.ts";
import { hasNftables, type Nftables, openNftables } from "../../../shared/nftables/client.ts";
import type { TableName } from "../../../shared/nftables/command.ts";
import { addressValue } from "../../../shared/nftables/data-type.ts";
import type { Holder } from "../holders/gone.ts";
import { type KnownHolders, portTaken } from "../holders/holders.ts";
import { overlaps, type PortMapping, type PublishedPort } from "../mappings.ts";
import { containerChain, containerChainPrefix, dnatChain, parseGoRuleComment } from "./names.ts";
import { publishedPorts } from "./rules.ts";

/** A port that a chain publishes already. */
interface HeldPort {
  readonly chain: string;
  readonly holder: Holder;
  readonly port: PublishedPort;
}

/** The number of words of an entry rule without conditions. */
const plainLength = 12;

/**
 * Returns what chains publish of these ports. The rule that was there first gets the packets, so that a second one would
 * never get any. Rules with conditions may be for other packets and are left out.
 *
 * @param isSpared returns whether to leave out a chain, by its name and the network in the comment of the leading rule.
 */
export function holdersOf(
  current: Ruleset,
  mappings: readonly PortMapping[],
  isSpared: (chain: string, network: string) => boolean,
): HeldPort[] {
  const isWanted = (port: PublishedPort) => mappings.some((mapping) => overlaps(mapping, port));
  return heldPorts(current, leadingRules(current, mappings), isSpared, isWanted);
}

/** Returns what chains publish that leads to an address, with conditions or without. */
export function holdersAt(
  current: Ruleset,
  address: IpAddress,
  isSpared: (chain: string, network: string) => boolean,
): HeldPort[] {
  const rules = current.rules(dnatChain).filter((rule) => targetOf(rule)?.startsWith(containerChainPrefix));
  return heldPorts(current, rules, isSpared, ({ container }) => sameIp(container, address));
}

function heldPorts(
  current: Ruleset,
  rules: readonly Rule[],
  isSpared: (chain: string, network: string) => boolean,
  isMeant: (port: PublishedPort) => boolean,
): HeldPort[] {
  const held: HeldPort[] = [];
  for (const rule of rules) {
    const chain = targetOf(rule) ?? "";
    const comment = commentOf(rule) ?? "";
    const network = parseGoRuleComment(comment)?.network;
    if (network !== undefined && isSpared(chain, network)) continue;
    for (const port of publishedPorts(current, [chain]).filter(isMeant)) {
      held.push({ chain, port, holder: chainHolder(comment, chain, port.container) });
    }
  }
  return held;
}

/** Whether chain CNI-HOSTPORT-DNAT leads to no other container's chain. */
export function leadsOnlyTo(current: Ruleset, own: string): boolean {
  return current.rules(dnatChain).every((rule) => {
    const chain = targetOf(rule) ?? "";
    return chain === own || !chain.startsWith(containerChainPrefix);
  });
}

/** Whether one of the ports may have a holder, as far as chain CNI-HOSTPORT-DNAT tells. */
export function mayBeHeld(current: Ruleset, mappings: readonly PortMapping[]): boolean {
  return leadingRules(current, mappings).length > 0;
}

/** Returns the rules without conditions that lead to a container's chain for one of these ports. */
function leadingRules(current: Ruleset, mappings: readonly PortMapping[]): Rule[] {
  const named = mappings.map(({ hostPort }) => `${hostPort}`);
  return current.rulesWith(dnatChain, named).filter((rule) => {
    if (rule.length !== plainLength || rule[6] !== "-m") return false;
    const ports = (rule[9] ?? "").split(",");
    return mappings.some(({ protocol, hostPort }) => rule[1] === protocol && ports.includes(`${hostPort}`));
  });
}

function chainHolder(comment: string, chain: string, address: IpAddress): Holder {
  const owner = parseGoRuleComment(comment);
  return {
    words: ownerInWords(comment, chain),
    address,
    isOf: (network) => network === owner?.network,
    is: ({ network, containerId }) =>
      network === owner?.network && containerChain(network, containerId) === chain,
  };
}

function ownerInWords(comment: string, chain: string): string | undefined {
  const owner = parseGoRuleComment(comment);
  if (owner === undefined) return undefined;
  const { network, containerId } = owner;
  if (containerId === undefined) return `the container of chain ${chain}, network ${network}`;
  return `container ${containerId} of network ${network}`;
}

/**
 * Returns the chains of containers that are gone, but hold one of the ports, and the container's own one if it holds
 * one. Those of its other networks are left alone: the rule that was there first gets the packets.
 *
 * @throws CniError code 103 when a holder is not known to be gone.
 */
export function goneChains(
  { network, containerId }: AttachmentKey,
  current: Ruleset,
  mappings: readonly PortMapping[],
  holders: KnownHolders,
): string[] {
  const own = containerChain(network, containerId);
  const isSibling = (chain: string, name: string) =>
    containerChain(name, containerId) === chain && chain !== own;
  const held = holdersOf(current, mappings, isSibling);
  const others = held.filter(({ chain }) => chain !== own);
  const isGone = holders.verdicts(others.map(({ holder }) => holder));
  for (const { port, holder } of others) if (!isGone(holder)) throw portTaken(port, holder);
  return [...new Set(held.map(({ chain }) => chain))];
}

/** Returns the chains of containers that are gone, but lead to an address, without those of the container's networks. */
export function goneChainsAt(
  { network, containerId }: AttachmentKey,
  current: Ruleset,
  address: IpAddress,
  holders: KnownHolders,
): string[] {
  const own = containerChain(network, containerId);
  const isSpared = (chain: string, name: string) =>
    chain === own || containerChain(name, containerId) === chain;
  const held = holdersAt(current, address, isSpared);
  const isGone = holders.verdicts(held.map(({ holder }) => holder));
  return [...new Set(held.filter(({ holder }) => isGone(holder)).map(({ chain }) => chain))];
}

/** Up to this many chains, the kernel is asked for each; beyond, reading all rules of the table is faster. */
const maxChains = 32;

/**
 * Whether iptables may have a rule of another container that leads to an address. For iptables-nft the kernel tells,
 * without a program; for iptables-legacy only the program does, so that the answer is true if it is in use.
 *
 * @param own the container's own chain.
 */
export function mayLeadTo(address: IpAddress, own: string): boolean {
  const { family } = address;
  if (legacyTableExists(family, "nat")) return true;
  if (!hasNftables()) return false;
  const table = { family: family === 4 ? "ip" : "ip6", name: "nat" } as const;
  return chainsLeadingTo(openNftables(), table, addressValue(address)).some((chain) => chain !== own);
}

function chainsLeadingTo(nftables: Nftables, table: TableName, address: Uint8Array): string[] {
  if (nftables.getChain({ table, name: dnatChain }) === undefined) return [];
  const chains = new Set(
    nftables
      .listRules(table, dnatChain)
      .flatMap(({ expressions }) => expressions)
      .flatMap((expression) =>
        expression.kind === "verdict" && "chain" in expression.verdict ? [expression.verdict.chain] : [],
      )
      .filter((chain) => chain.startsWith(containerChainPrefix)),
  );
  return chains.size > maxChains
    ? nftables.chainsHolding(table, undefined, address).filter((chain) => chains.has(chain))
    : [...chains].flatMap((chain) => nftables.chainsHolding(table, chain, address));
}
