import { ownerComment } from "../../../shared/cni/owner-comment.ts";
import type { Request } from "../../../shared/cni/plugin.ts";
import type { Result } from "../../../shared/cni/result.ts";
import type { IpAddress } from "../../../shared/ip/address.ts";
import { hasControlCharacter } from "../../../shared/linux/control-character.ts";
import { addressesOf, isolationOf } from "../attachment.ts";
import type { FirewallConfig } from "../config.ts";
import type { Isolation, IsolationPolicy } from "../rules.ts";
import { findVlanGateways, isVlanGateway, type VlanGateway } from "../vlan-gateways.ts";

/** What an attachment needs. */
export interface Wanted {
  /** The comment that names the owner. */
  readonly comment: string;
  readonly addresses: readonly IpAddress[];
  /** Absent for policy "open". */
  readonly isolation?: BridgePolicy;
}

export interface BridgePolicy {
  readonly policy: IsolationPolicy;
  readonly bridge: string;
  /** The host's ends of the attachment, as the result names them. */
  readonly ports: readonly string[];
  /** The gateways that an isolated port reaches nevertheless, as the kernel has them; absent for none. */
  readonly gateways?: readonly VlanGateway[];
}

/**
 * Reads it from the result of the plugins before; gateways of VLANs from the kernel.
 *
 * @throws CniError code 7 when there is no bridge for the policy.
 */
export function wantedBy(request: Request, config: FirewallConfig, result: Result): Wanted {
  const isolation = isolationOf(config, result);
  const wanted = { comment: ownerComment(request), addresses: addressesOf(result) };
  if (isolation === undefined) return wanted;
  return { ...wanted, isolation: bridgePolicyOf(isolation, result) };
}

/** What a policy is about: looks for gateways of VLANs, where the result names some. Throws SystemError, DecodeError. */
export function bridgePolicyOf(isolation: Isolation, result: Result): BridgePolicy {
  const gateways = isolation.policy === "isolated" ? findVlanGateways(isolation.bridge, result) : [];
  return { ...isolation, ports: portsOf(result), ...(gateways.length > 0 && { gateways }) };
}

/** The host's ends of an attachment: those interfaces of the host that are neither the bridge nor a gateway of it. */
export function portsOf({ interfaces: [bridge, ...others] }: Result): readonly string[] {
  if (bridge === undefined) return [];
  const names = others
    .filter(({ name, sandbox = "" }) => sandbox === "" && !isVlanGateway(bridge.name, name))
    .map(({ name }) => name);
  return [...new Set(names.filter(isPossibleName))];
}

/** Others cannot be any interface's. */
function isPossibleName(name: string): boolean {
  return /^[^\s/:]+$/.test(name) && !hasControlCharacter(name) && Buffer.byteLength(name) < 16;
}

/** The interface of the host by which the container is reached: the result's first, if it is one. */
export function bridgeOf({ interfaces: [first] }: Result): string | undefined {
  return first !== undefined && (first.sandbox ?? "") === "" && isPossibleName(first.name)
    ? first.name
    : undefined;
}
