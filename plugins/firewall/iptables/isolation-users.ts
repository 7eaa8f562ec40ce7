import { bitLength, formatIp, type IpAddress, type IpFamily } from "../../../shared/ip/address.ts";
import { parsePrefix } from "../../../shared/ip/prefix.ts";
import { type Rule, sameRule } from "../../../shared/iptables/rule.ts";
import { hasRule, type Ruleset } from "../../../shared/iptables/ruleset.ts";
import { type AddressRecord, isAlive } from "../records/records.ts";
import { acceptRules, forwardChain } from "./rules.ts";

/** Those who may need isolation. */
interface IsolationUsers {
  /** Records of the addresses that are released. */
  readonly leaving: readonly AddressRecord[];
  /** All other records of this family. Reading stops when the answer is known. */
  readonly staying: () => Iterable<AddressRecord>;
  /** The sources bound to firewalld's zones: addresses and others; undefined when they cannot be known. */
  readonly sources: () => readonly string[] | undefined;
}

/**
 * The bridges whose isolation rules are removed with the leaving attachments: no other attachment on them asked for a
 * policy.
 *
 * An attachment of the Go plugin has no record, and its rules have no bridge. So all isolation rules stay as long as an
 * address without a record is let through.
 *
 * @param current table filter of this family.
 */
export function bridgesWithoutUsers(
  family: IpFamily,
  current: Ruleset,
  { leaving, staying, sources }: IsolationUsers,
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
 * True when an address without a record is let through: an attachment of the Go plugin, which may need rules that no
 * record asks for.
 *
 * @param recorded the addresses with a record.
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

/** False when the container is gone without a DEL of ours and its traffic is no longer accepted. */
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

/** The address of a prefix that is a single one; none for other texts. */
function hostAddress(text: string): readonly IpAddress[] {
  const prefix = parsePrefix(text);
  return prefix !== undefined && prefix.prefixLength === bitLength(prefix.address.family)
    ? [prefix.address]
    : [];
}
