import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { ownerComment } from "../../shared/cni/owner-comment.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { hasIptables } from "../../shared/iptables/client.ts";
import { chainMayExist } from "../../shared/iptables/presence.ts";
import { joinRule, type Rule } from "../../shared/iptables/rule.ts";
import { hasRule, type Ruleset } from "../../shared/iptables/ruleset.ts";
import { readRules } from "../../shared/iptables/transitional.ts";
import { hasNftables, openNftables } from "../../shared/nftables/client.ts";
import type { PortmapConfig } from "./config.ts";
import { type PublishedFamily, publishedFamilies } from "./families.ts";
import { localhostFamily, localhostRefusal } from "./localhost-access.ts";
import { containerChain, dnatChain } from "./names.ts";
import { isPublishedByGo } from "./nftables/go-check.ts";
import { firstMissing as firstMissingElement } from "./nftables/missing.ts";
import { type DesiredRules, desiredRules, entryFinder, entryWords, sharedChainsOf } from "./rules.ts";

/**
 * CHECK: everything that ADD makes is there, in the backend of the configuration or, where the configuration fits
 * both, in the other one; or in the tables of the Go plugin's nftables backend. Throws CniError code 105 with the first thing that is not.
 */
export function check(request: Request, config: PortmapConfig): void {
  const previous = requirePrevResult(request, "portmap");
  const families = publishedFamilies(config, previous, request.ifname);
  let isOurs = config.backend === "nftables";
  for (const published of families) {
    const missing = missingIn(request, config, published);
    if (missing === undefined) continue;
    if (isInOther(request, config, published)) isOurs = config.backend !== "nftables";
    else if (isByGo(request, config, published)) isOurs = false;
    else throw mismatch(published, missing);
  }
  const four = localhostFamily(config, families);
  const refusal = four && localhostRefusal(request, four.address.address, previous, isOurs);
  if (four !== undefined && refusal !== undefined) throw mismatch(four, refusal);
}

function mismatch({ family }: PublishedFamily, what: string): CniError {
  return new CniError(
    ErrorCode.checkMismatch,
    `could not check ipv${family} dnat: ${what}`,
    'the ports are not published as configured: after a flush "portmap reapply" makes the rules again; else DEL and ADD',
  );
}

function missingIn(
  request: Request,
  config: PortmapConfig,
  { family, address }: PublishedFamily,
): string | undefined {
  if (config.backend === "iptables") {
    const desired = desiredRules(request, config, address);
    return firstMissing(readRules(family, "nat", [desired.chain, ...sharedChainsOf(desired)]), desired);
  }
  return firstMissingElement(openNftables(), config, address, ownerComment(request));
}

/** Whether the other backend publishes the same: it was in use when the container was added. */
function isInOther(request: Request, config: PortmapConfig, published: PublishedFamily): boolean {
  const { family } = published;
  const hasConditions = config.conditions[family].length > 0 || config.nftConditions[family].text !== "";
  if (hasConditions || config.masquerade.kind === "chain") return false;
  const other = config.backend === "iptables" ? "nftables" : "iptables";
  const chain = containerChain(request.network, request.containerId);
  const isThere =
    other === "iptables" ? hasIptables(family) && chainMayExist(family, "nat", chain) : hasNftables();
  return isThere && missingIn(request, { ...config, backend: other }, published) === undefined;
}

/** Whether the Go plugin has published it with nftables: the executable was replaced since. */
function isByGo({ containerId }: Request, config: PortmapConfig, { address }: PublishedFamily): boolean {
  return hasNftables() && isPublishedByGo(openNftables(), config, address, containerId);
}

/** What is missing, in words; undefined when all is there. */
export function firstMissing(current: Ruleset, desired: DesiredRules): string | undefined {
  const chains = [desired.chain, ...desired.sharedChains.map(({ chain }) => chain)];
  const chain = chains.find((name) => !current.has(name));
  if (chain !== undefined) return `chain ${chain} not found in iptables table nat`;

  const leading = current.jumpsTo(desired.chain).filter((jump) => jump.chain === dnatChain);
  const present = entryFinder(leading.map(({ rule }) => rule));
  const entry = desired.entries.find((wanted) => present(wanted).length === 0);
  if (entry !== undefined) return missingRule(dnatChain, entryWords(entry));

  const rules = [
    ...desired.rules.map((rule) => ({ chain: desired.chain, rule })),
    ...desired.sharedChains.flatMap(({ chain: shared, rule }) =>
      rule === undefined ? [] : [{ chain: shared, rule }],
    ),
    ...desired.jumps,
  ];
  const absent = rules.find((wanted) => !hasRule(current, wanted.chain, wanted.rule));
  return absent === undefined ? undefined : missingRule(absent.chain, absent.rule);
}

function missingRule(chain: string, rule: Rule): string {
  return `rule [${joinRule(rule)}] in chain ${chain} not found in table nat`;
}
