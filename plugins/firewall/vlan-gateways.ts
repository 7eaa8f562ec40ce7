import type { Result } from "../../shared/cni/result.ts";
import { CniError, ErrorCode } from "../../shared/errors/cni-error.ts";

/**
 * A policy is about a bridge. Packets between the VLANs of one, or from a VLAN to another bridge, go from one gateway
 * interface (BRIDGE.VLAN) to another, and no rule about the bridge sees them.
 *
 * @throws CniError code 105 when the attachment has such a gateway.
 */
export function requireNoVlans(bridge: string, { interfaces }: Result): void {
  const gateway = interfaces.find(
    ({ name, sandbox = "" }) =>
      sandbox === "" && name.startsWith(`${bridge}.`) && /^\d+$/.test(name.slice(bridge.length + 1)),
  );
  if (gateway === undefined) return;
  throw new CniError(
    ErrorCode.checkMismatch,
    `ingressPolicy is not in force for what is routed by ${gateway.name}: the rules are about ${bridge}`,
    `keep VLANs apart by rules of your own about ${gateway.name}, for example in the admin chain`,
  );
}
