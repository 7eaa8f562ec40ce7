import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../../shared/cni/prev-result.ts";
import type { Result } from "../../../shared/cni/result.ts";
import type { IpAddress } from "../../../shared/ip/address.ts";
import { openNftables } from "../../../shared/nftables/client.ts";
import { requireGatewaysReached } from "../bridge-netfilter.ts";
import type { FirewallConfig } from "../config.ts";
import { requireNoVlans } from "../vlan-gateways.ts";
import { differenceFrom } from "./difference.ts";
import { findForwardDrop } from "./forward-drop.ts";
import { addToRuleset, requireNftables } from "./ruleset.ts";
import { bridgeOf, wantedBy } from "./wanted.ts";

/**
 * ADD with the nftables backend.
 *
 * @returns the addresses that the attachment has now. Throws CniError.
 */
export function addWithNftables(
  request: Request,
  config: FirewallConfig,
  result: Result,
): readonly IpAddress[] {
  const wanted = wantedBy(request, config, result);
  if (wanted.addresses.length > 0) addToRuleset(wanted);
  return wanted.addresses;
}

/**
 * CHECK with the nftables backend: compares the tables with what ADD makes, and looks whether another table drops what
 * the container sends. Changes nothing.
 *
 * @throws CniError code 105 at the first difference.
 */
export function checkWithNftables(request: Request, config: FirewallConfig): void {
  const result = requirePrevResult(request, "firewall");
  const wanted = wantedBy(request, config, result);
  if (wanted.addresses.length === 0) return;
  requireNftables();
  const nftables = openNftables();
  const difference = differenceFrom(nftables, wanted);
  if (difference !== undefined) {
    throw new CniError(
      ErrorCode.checkMismatch,
      difference,
      'see "nft list ruleset"; after a flush "firewall reapply" makes it again',
    );
  }
  const families = [...new Set(wanted.addresses.map(({ family }) => family))];
  const drop = findForwardDrop(nftables, families, bridgeOf(result));
  if (drop !== undefined) throw new CniError(ErrorCode.checkMismatch, drop, adviceOnDrop);
  if (wanted.isolation === undefined) return;
  for (const family of families) requireGatewaysReached(family, wanted.isolation);
  requireNoVlans(wanted.isolation.bridge, result);
}

/**
 * STATUS with the nftables backend. Only IPv4 is looked at, since the configuration does not tell whether there will be
 * IPv6 addresses.
 *
 * @throws CniError when nf_tables cannot be used, or another table drops what any container sends.
 */
export function requireWorkingNftables(): void {
  requireNftables();
  const drop = findForwardDrop(openNftables(), [4]);
  if (drop !== undefined) throw new CniError(ErrorCode.pluginNotAvailable, drop, adviceOnDrop);
}

const adviceOnDrop =
  'an accept in the table of this plugin does not help against a drop in another one: accept the containers there, or use "backend": "iptables" where the chain is iptables\' FORWARD, "firewalld" where it is firewalld\'s';
