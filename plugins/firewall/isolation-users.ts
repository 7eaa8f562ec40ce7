import { bitLength, formatIp, type IpAddress } from "../../shared/ip/address.ts";
import { parsePrefix } from "../../shared/ip/prefix.ts";
import { type Rule, sameRule } from "../../shared/iptables/rule.ts";
import { hasRule, type Ruleset } from "../../shared/iptables/ruleset.ts";
import type { Family } from "../../shared/iptables/which.ts";
import { type AddressRecord, isAlive } from "./records.ts";
import { acceptRules, forwardChain } from "./rules.ts";

/**
 * The bridges of which the isolation rules go together with these attachments: those on which no other one is left that
 * asked for a policy.
 *
 * An attachment of the Go plugin has no record, and what lets its traffic pass does not tell its bridge. So all
 * isolation stays as long as an address without a record is let through.
 *
 * @param current table filter of this family.
 * @param leaving records of the addresses that are released.
 * @param staying all other records of this family; as few as possible are looked at.
 * @param sources what is bound to firewalld's zone: addresses and other things; undefined when that is not known.
 */
export function unusedBridges(
  family: Family,
  current: Ruleset,
  leaving: readonly AddressRecord[],
  staying: () => Iterable<AddressRecord>,
  sources: () => readonly string[] | undefined,
): readonly string[] {
  const bridges = new Set(leaving.flatMap(({ isolation }) => isolation?.bridge ?? []));
  if (bridges.size === 0) return [];
  for (const record of staying()) {
    if (record.isolation === undefined || !bridges.has(record.isolation.bridge)) continue;
    if (isUsed(current, record)) bridges.delete(record.isolation.bridge);
    if (bridges.size === 0) return [];
  }
  const bound = sources();
  if (bound === undefined) return [];
  const others = bound.flatMap(hostAddress).filter((address) => address.family === family);
  const known = [...leaving, ...staying()].map(({ address }) => address);
  return hasUnrecorded(current, known, others) ? [] : [...bridges];
}

/**
 * True when the traffic of an address is let through that is none of these: an attachment of the Go plugin, which may
 * rely on what no record asks for.
 *
 * @param others addresses that are let through by other means than these rules.
 */
export function hasUnrecorded(
  current: Ruleset,
  recorded: readonly IpAddress[],
  others: readonly IpAddress[] = [],
): boolean {
  const known = new Set(recorded.map(formatIp));
  return [...addressesAcceptedBy(current), ...others].some((address) => !known.has(formatIp(address)));
}

/** A container that has gone without a DEL of ours does not count, unless its traffic is still accepted. */
function isUsed(current: Ruleset, record: AddressRecord): boolean {
  return isAlive(record) || acceptRules(record.address).some((rule) => hasRule(current, forwardChain, rule));
}

function addressesAcceptedBy(current: Ruleset): readonly IpAddress[] {
  return current.rules(forwardChain).flatMap((rule) => {
    const [, prefix = ""] = rule;
    return hostAddress(prefix).filter((address) => isAcceptRule(rule, address));
  });
}

function isAcceptRule(rule: Rule, address: IpAddress): boolean {
  return acceptRules(address).some((one) => sameRule(one, rule));
}

/** None for prefixes and what else may be there. */
function hostAddress(text: string): readonly IpAddress[] {
  const prefix = parsePrefix(text);
  return prefix !== undefined && prefix.prefixLength === bitLength(prefix.address.family)
    ? [prefix.address]
    : [];
}
