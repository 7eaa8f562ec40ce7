import { type IpAddress, sameIp } from "../../shared/ip/address.ts";
import { commentOf, type Rule, targetOf } from "../../shared/iptables/rule.ts";
import type { Ruleset } from "../../shared/iptables/ruleset.ts";
import type { Holder } from "./gone.ts";
import type { PortMapping } from "./mappings.ts";
import { containerChain, containerChainPrefix, dnatChain, ownerOf } from "./names.ts";
import { type PublishedPort, publishedPorts } from "./published.ts";

/** A container's chain that publishes something already. */
interface HeldPort {
  readonly chain: string;
  readonly holder: Holder;
  readonly port: PublishedPort;
}

/** How many words an entry rule has that has no conditions. */
const plainLength = 12;

/**
 * Chains of others that publish one of these ports. The rule that was there first gets the packets, so one of the two
 * would never see any. Rules with conditions may be for other packets and do not count.
 *
 * @param isSpared says which chains do not count, by their names and the network that leading rules say.
 */
export function holdersOf(
  current: Ruleset,
  mappings: readonly PortMapping[],
  isSpared: (chain: string, network: string) => boolean,
): HeldPort[] {
  const isWanted = (port: PublishedPort) => mappings.some((mapping) => overlaps(mapping, port));
  return heldPorts(current, leadingRules(current, mappings), isSpared, isWanted);
}

/** Chains of others from which ports lead to an address, with conditions or without. */
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
    const network = ownerOf(comment)?.network;
    if (network !== undefined && isSpared(chain, network)) continue;
    for (const port of publishedPorts(current, [chain]).filter(isMeant)) {
      held.push({ chain, port, holder: holderOf(comment, chain, port.container) });
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

/** Whether there may be a holder, as far as chain CNI-HOSTPORT-DNAT alone tells. */
export function mayBeHeld(current: Ruleset, mappings: readonly PortMapping[]): boolean {
  return leadingRules(current, mappings).length > 0;
}

/** The rules without conditions that lead to a container's chain for one of these ports. */
function leadingRules(current: Ruleset, mappings: readonly PortMapping[]): Rule[] {
  const named = mappings.map(({ hostPort }) => `${hostPort}`);
  return current.rulesWith(dnatChain, named).filter((rule) => {
    if (rule.length !== plainLength || rule[6] !== "-m") return false;
    const ports = (rule[9] ?? "").split(",");
    return mappings.some(({ protocol, hostPort }) => rule[1] === protocol && ports.includes(`${hostPort}`));
  });
}

function overlaps({ protocol, hostPort, hostIp }: PortMapping, port: PublishedPort): boolean {
  if (protocol !== port.protocol || hostPort !== port.hostPort) return false;
  return hostIp === undefined || port.hostIp === undefined || sameIp(hostIp, port.hostIp);
}

function holderOf(comment: string, chain: string, address: IpAddress): Holder {
  const owner = ownerOf(comment);
  return {
    words: ownerInWords(comment, chain),
    address,
    isOf: (network) => network === owner?.network,
    is: ({ network, containerId }) =>
      network === owner?.network && containerChain(network, containerId) === chain,
  };
}

function ownerInWords(comment: string, chain: string): string | undefined {
  const owner = ownerOf(comment);
  if (owner === undefined) return undefined;
  const { network, containerId } = owner;
  if (containerId === undefined) return `the container of chain ${chain}, network ${network}`;
  return `container ${containerId} of network ${network}`;
}
