import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import type { IpFamily } from "../../../shared/ip/address.ts";
import type { Rule } from "../../../shared/iptables/rule.ts";
import { hasRule, type Ruleset } from "../../../shared/iptables/ruleset.ts";
import { type FirewallAttachment, families, ofFamily } from "../attachment.ts";
import { requireBridgeNetfilter, requireGatewaysReached } from "../bridge-netfilter.ts";
import { assertBound } from "../firewalld/bindings.ts";
import type { PortIsolation } from "../isolation.ts";
import { notIsolated, notReached } from "../nftables/isolate-ports.ts";
import type { AddressRecord } from "../records/records.ts";
import { requireNoVlans } from "../vlan-gateways.ts";
import type { IptablesSetting } from "./add.ts";
import { isolationIsBypassed, type WantedRules, wantedJumps, wantedRules } from "./plan.ts";

/**
 * Compares rules and bindings with those that ADD makes.
 *
 * @param record undefined after an ADD of the Go plugin, which isolates by iptables only.
 * @throws CniError code 105 at the first difference.
 */
export function checkAttachment(
  { config, clients, bound }: IptablesSetting,
  attachment: FirewallAttachment,
  record: AddressRecord | undefined,
): void {
  const { addresses, isolation, result } = attachment;
  const unguarded = unguardedPorts(attachment);
  if (bound !== undefined) assertBound(bound, addresses);
  const used = families.filter((family) => ofFamily(addresses, family).length > 0);
  for (const family of used) {
    const accept = { addresses: ofFamily(addresses, family), adminChain: config.adminChain };
    const wanted = { ...(bound === undefined && { accept }), ...(isolation && { isolation }) };
    if (bound === undefined || isolation !== undefined) {
      assertRules(family, clients.iptables.read(family, "filter"), wanted);
    }
    if (isolation?.policy === "isolated" && unguarded !== undefined)
      requireBridgeNetfilter(family, isolation.bridge);
  }
  if (isolation !== undefined && record !== undefined) {
    requireIsolation(isolation, unguarded);
    requireGateways(isolation, used);
    requireNoVlans(isolation.bridge, result);
  }
}

/**
 * The reason why only iptables isolates the attachment's ports; undefined when table bridge cni_firewall does too. "" when
 * that is not expected: the result has no host's end of the link.
 */
function unguardedPorts({ isolation, comment }: FirewallAttachment): string | undefined {
  if (isolation?.policy !== "isolated") return undefined;
  return isolation.ports.length === 0 ? "" : notIsolated(comment, isolation);
}

/** Asserts that isolated ports reach the gateways of their VLANs. */
function requireGateways(isolation: PortIsolation, used: readonly IpFamily[]): void {
  if (isolation.gateways === undefined) return;
  const difference = notReached(isolation);
  if (difference !== undefined) {
    throw new CniError(
      ErrorCode.checkMismatch,
      `containers of ${isolation.bridge} do not reach their gateway: ${difference}`,
      'a new ADD of this container makes it, and so does "firewall reapply"',
    );
  }
  for (const family of used) requireGatewaysReached(family, isolation);
}

/** Asserts that more than iptables isolates the ports, where that is expected. */
function requireIsolation({ bridge }: PortIsolation, unguarded: string | undefined): void {
  if (unguarded === undefined || unguarded === "") return;
  throw new CniError(
    ErrorCode.checkMismatch,
    `bridge ${bridge} is isolated by iptables alone, which frames with a VLAN tag and IPv6 link-local addresses pass: ${unguarded}`,
    "it takes table bridge cni_firewall of nf_tables (CONFIG_NF_TABLES_BRIDGE); a new ADD of this container makes it",
  );
}

function assertRules(family: IpFamily, current: Ruleset, wanted: WantedRules): void {
  const difference = differenceFromRules(current, wanted);
  if (difference === undefined) return;
  const tool = family === 4 ? "iptables" : "ip6tables";
  throw new CniError(
    ErrorCode.checkMismatch,
    difference.text,
    `see "${tool} -S ${difference.chain}"; after a flush "firewall reapply" makes the rules again`,
  );
}

/** The first difference between a table and what ADD makes, and its chain; undefined when there is none. */
export function differenceFromRules(
  current: Ruleset,
  wanted: WantedRules,
): { readonly chain: string; readonly text: string } | undefined {
  const jumps = wantedJumps(wanted).map((rule) => ({ chain: "FORWARD", rule }));
  const missing = [...jumps, ...wantedRules(wanted)].find(
    ({ chain, rule }) => !hasRule(current, chain, rule),
  );
  if (missing !== undefined) return { chain: missing.chain, text: missingText(missing.chain, missing.rule) };
  if (wanted.isolation === undefined || !isolationIsBypassed(current)) return undefined;
  return {
    chain: "FORWARD",
    text: "the jump to CNI-FORWARD is above the one to CNI-ISOLATION-STAGE-1: isolation is bypassed",
  };
}

/** The Go plugin's words: a rule of an address is named by itself, others with their chain. */
function missingText(chain: string, rule: Rule): string {
  const which = rule[0] === "-d" || rule[0] === "-s" ? "expected rule" : `expected ${chain} rule`;
  return `${which} [${rule.join(" ")}] not found`;
}
