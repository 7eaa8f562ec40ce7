import type { Attachment } from "../../../shared/cni/attachments.ts";
import { withAttempts } from "../../../shared/cni/undo-stack.ts";
import type { IpFamily } from "../../../shared/ip/address.ts";
import type { Iptables, PlannedRules } from "../../../shared/iptables/client.ts";
import { chainMayExist } from "../../../shared/iptables/presence.ts";
import { type Doomed, removeChains } from "../../../shared/iptables/removal.ts";
import { commentOf, targetOf } from "../../../shared/iptables/rule.ts";
import type { Ruleset } from "../../../shared/iptables/ruleset.ts";
import type { Departure } from "../backend.ts";
import type { PublishedPort } from "../mappings.ts";
import { forgetLeftConnections } from "../stale-connections.ts";
import { containerChain, containerChainPrefix, dnatChain, legacyChain, parseGoRuleComment } from "./names.ts";
import { planChainRemoval, planExactRemoval } from "./plan.ts";
import { desiredRules, portsOfRules, publishedPorts } from "./rules.ts";

/**
 * Removes a container's chains from both families, and the connections that still use its ports. Returns whether a port
 * was published. Throws CniError, Failure.
 */
export function removeContainer(
  iptables: Iptables,
  { attachment: { network, containerId }, promised }: Departure,
): boolean {
  const chains = [containerChain(network, containerId), legacyChain(network, containerId)];
  return anyOfFamilies((family) => {
    const present = chains.filter((chain) => chainMayExist(family, "nat", chain));
    if (present.length === 0) return false;
    // For a legacy table chainMayExist is true for both names. Only if one of them is known not to exist does the other
    // one exist, so that the program will be needed.
    if (present.length < chains.length) iptables.startEarly(family, "changing");
    const doomed: Doomed = { family, table: "nat", chains };
    return remove(iptables, doomed, () => chains, guessFor(family, promised, present));
  });
}

/** Removes the chains of a network's containers that are not listed, from both families. Throws CniError, Failure. */
export function removeStaleChains(iptables: Iptables, network: string, valid: readonly Attachment[]): void {
  anyOfFamilies((family) => {
    if (!chainMayExist(family, "nat", dnatChain)) return false;
    const doomed: Doomed = { family, table: "nat", chains: [] };
    return remove(iptables, doomed, (current) => staleChains(current, network, valid));
  });
}

function anyOfFamilies(removeFrom: (family: IpFamily) => boolean): boolean {
  return withAttempts((attempt) => ([4, 6] as const).map((family) => attempt(() => removeFrom(family)))).some(
    (isFound) => isFound === true,
  );
}

interface PlannedRemoval extends PlannedRules {
  readonly published: readonly PublishedPort[];
}

/** Returns the removal of what ADD would have published, if that is probably all that exists. */
function guessFor(
  family: IpFamily,
  promised: Departure["promised"],
  present: readonly string[],
): PlannedRemoval | undefined {
  const publication = promised().find((candidate) => candidate.family === family);
  const rules = publication && desiredRules(publication);
  if (rules === undefined || !present.every((chain) => chain === rules.chain)) return undefined;
  const transaction = planExactRemoval(rules);
  return transaction && { transaction, published: portsOfRules(rules.rules) };
}

function remove(
  iptables: Iptables,
  doomed: Doomed,
  chainsIn: (current: Ruleset) => readonly string[],
  guess?: PlannedRemoval,
): boolean {
  // Before the rules, since only they name the ports: a DEL after one that was killed must find them.
  forgetLeftConnections(guess?.published ?? []);
  const plan = (current: Ruleset): PlannedRemoval => {
    const chains = chainsIn(current);
    const published = publishedPorts(current, chains);
    forgetLeftConnections(published);
    return { transaction: planChainRemoval(current, chains), published };
  };
  const published = (removeChains(iptables, doomed, plan, { guess }) ?? guess)?.published ?? [];
  forgetLeftConnections(published);
  return published.length > 0;
}

/** Returns the chains of a network's containers that are not listed, as the comments of leading rules tell. */
export function staleChains(
  current: Ruleset,
  network: string,
  valid: readonly Pick<Attachment, "containerId">[],
): string[] {
  const kept = new Set(valid.map(({ containerId }) => containerChain(network, containerId)));
  const stale = new Set<string>();
  for (const rule of current.rules(dnatChain)) {
    const chain = targetOf(rule) ?? "";
    const owner = parseGoRuleComment(commentOf(rule) ?? "");
    if (owner?.network !== network || kept.has(chain) || !chain.startsWith(containerChainPrefix)) continue;
    // Somebody may have written a rule with such a comment by hand. A cut comment does not tell the container.
    if (owner.containerId !== undefined && containerChain(network, owner.containerId) !== chain) continue;
    stale.add(chain);
  }
  return [...stale];
}
