import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import { ownerComment } from "../../shared/cni/owner-comment.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import { bitLength, formatIp, type IpAddress } from "../../shared/ip/address.ts";
import type { Rule } from "../../shared/iptables/rule.ts";
import { hasRule, type Ruleset } from "../../shared/iptables/ruleset.ts";
import { readRules } from "../../shared/iptables/transitional.ts";
import type { Family } from "../../shared/iptables/which.ts";
import { addressesOf, families, isolationOf, ofFamily, ownerOf } from "./attachment.ts";
import { usesNftables } from "./backend.ts";
import { requireBridgeNetfilter, requireGatewaysReached } from "./bridge-netfilter.ts";
import type { FirewallConfig } from "./config.ts";
import { chooseFirewalld, type Firewalld, openFirewalld } from "./firewalld.ts";
import { checkWithNftables } from "./nftables/commands.ts";
import { notIsolated, notReached } from "./nftables/isolate-ports.ts";
import { isInRuleset } from "./nftables/ruleset.ts";
import { type BridgePolicy, bridgePolicyOf } from "./nftables/wanted.ts";
import { type Owner, sameOwner } from "./owner.ts";
import { isolationIsBypassed, type Wanted, wantedJumps, wantedRules } from "./plan.ts";
import { type AddressRecord, readRecord, recordDirectory } from "./records.ts";
import { requireNoVlans } from "./vlan-gateways.ts";

/**
 * Compares rules, or bindings to firewalld's zone, with what ADD makes; changes nothing. The record, or else the nf_tables
 * table, tells which backend that was; without both, as after an ADD of the Go plugin, the configuration does.
 *
 * @throws CniError code 105 at the first difference.
 */
export function check(request: Request, config: FirewallConfig): void {
  const result = requirePrevResult(request, "firewall");
  const addresses = addressesOf(result);
  const owner = ownerOf(request);
  if (usesNftables(config)) {
    checkWithNftables(request, config);
    return;
  }
  const record = ownRecord(config, owner, addresses);
  if (record === undefined && choseNftables(config, owner)) {
    checkWithNftables(request, config);
    return;
  }
  const asked = isolationOf(config, result);
  const isolation = asked && bridgePolicyOf(asked, result);
  const unguarded = unguardedPorts(request, isolation);
  const firewalld = whereBound(config, record);
  try {
    if (firewalld !== undefined) checkBindings(firewalld, addresses);
  } finally {
    firewalld?.client.close();
  }
  for (const family of families) {
    const own = ofFamily(addresses, family);
    if (own.length === 0) continue;
    const accept = { addresses: own, adminChain: config.adminChain };
    checkRules(family, { ...(firewalld === undefined && { accept }), ...(isolation && { isolation }) });
    if (isolation?.policy === "isolated" && unguarded !== undefined)
      requireBridgeNetfilter(family, isolation.bridge);
  }
  if (isolation !== undefined && record !== undefined) {
    requireIsolation(isolation, unguarded);
    requireGateways(
      isolation,
      families.filter((family) => ofFamily(addresses, family).length > 0),
    );
    requireNoVlans(isolation.bridge, result);
  }
}

/**
 * What keeps the attachment's ports from being isolated beyond what iptables sees; undefined when nothing does. The Go
 * plugin, and a result without the host's end of the link, leave it to iptables.
 */
function unguardedPorts(request: Request, isolation: BridgePolicy | undefined): string | undefined {
  if (isolation?.policy !== "isolated") return undefined;
  return isolation.ports.length === 0 ? "" : notIsolated(ownerComment(request), isolation);
}

/** Isolated ports reach the gateways of their VLANs. */
function requireGateways(isolation: BridgePolicy, used: readonly Family[]): void {
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

function requireIsolation({ bridge }: BridgePolicy, unguarded: string | undefined): void {
  if (unguarded === undefined || unguarded === "") return;
  throw new CniError(
    ErrorCode.checkMismatch,
    `bridge ${bridge} is isolated by iptables alone, which frames with a VLAN tag and IPv6 link-local addresses pass: ${unguarded}`,
    "it takes table bridge cni_firewall of nf_tables (CONFIG_NF_TABLES_BRIDGE); a new ADD of this container makes it",
  );
}

/** The record of one of the attachment's addresses. */
function ownRecord(
  { dataDir }: FirewallConfig,
  owner: Owner,
  addresses: readonly IpAddress[],
): AddressRecord | undefined {
  const directory = recordDirectory(dataDir);
  return addresses
    .map((address) => readRecord(directory, address))
    .find((found) => found !== undefined && sameOwner(found.owner, owner));
}

/** Whether ADD chose nftables where no backend is named: iptables or firewalld may have come since. */
function choseNftables({ backend }: FirewallConfig, owner: Owner): boolean {
  return backend === "detect" && isInRuleset(owner);
}

/** firewalld, and the zone that the addresses are bound to. */
interface Bound {
  readonly client: Firewalld;
  readonly zone: string;
}

function whereBound(config: FirewallConfig, record: AddressRecord | undefined): Bound | undefined {
  if (record !== undefined) {
    return record.zone === undefined ? undefined : { client: openFirewalld(), zone: record.zone };
  }
  const client = chooseFirewalld(config.backend);
  return client && { client, zone: config.zone };
}

function checkBindings({ client, zone }: Bound, addresses: readonly IpAddress[]): void {
  for (const address of addresses) {
    if (client.hasSource(zone, address)) continue;
    const command = `firewall-cmd --zone=${zone} --add-source=${formatIp(address)}/${bitLength(address.family)}`;
    throw new CniError(
      ErrorCode.checkMismatch,
      `failed to find the address ${formatIp(address)}/${bitLength(address.family)} in ${zone} zone: it is not bound to it`,
      `firewalld forgets such bindings when it is reloaded or started anew: "${command}", or "firewall reapply", binds it again`,
    );
  }
}

function checkRules(family: Family, wanted: Wanted): void {
  if (wanted.accept === undefined && wanted.isolation === undefined) return;
  const difference = differenceFrom(readRules(family, "filter"), wanted);
  if (difference === undefined) return;
  const tool = family === 4 ? "iptables" : "ip6tables";
  throw new CniError(
    ErrorCode.checkMismatch,
    difference.text,
    `see "${tool} -S ${difference.chain}"; after a flush "firewall reapply" makes the rules again`,
  );
}

/** The first thing that is not as ADD leaves it. */
export function differenceFrom(
  current: Ruleset,
  wanted: Wanted,
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

/** Rules of an address are told apart by the address, others by their chain: the reference plugin's wording. */
function missingText(chain: string, rule: Rule): string {
  const which = rule[0] === "-d" || rule[0] === "-s" ? "expected rule" : `expected ${chain} rule`;
  return `${which} [${rule.join(" ")}] not found`;
}
