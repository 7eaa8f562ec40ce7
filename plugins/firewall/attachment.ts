import type { AttachmentKey } from "../../shared/cni/attachment-key.ts";
import { ownerComment } from "../../shared/cni/owner-comment.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { formatIp, type IpAddress, type IpFamily } from "../../shared/ip/address.ts";
import type { FirewallConfig } from "./config.ts";
import { isolationOf, type PortIsolation, withPorts } from "./isolation.ts";

/** What the plugin gives an attachment: the traffic of its addresses passes, and its bridge is isolated. */
export interface Admission {
  /** `ownerComment` of the attachment. */
  readonly comment: string;
  /** All addresses of the result before, none twice, in its order. */
  readonly addresses: readonly IpAddress[];
  /** Absent for policy "open". */
  readonly isolation?: PortIsolation;
}

/** An attachment, as ADD and CHECK see it. */
export interface FirewallAttachment extends Admission {
  readonly key: AttachmentKey;
  /** Path of the container's network namespace. */
  readonly netns: string;
  /** The result of the plugins before. */
  readonly result: Result;
}

/**
 * The attachment of a request. Asks the kernel for gateways of VLANs, if the result has some.
 *
 * @throws CniError code 7 when the policy needs a bridge and the result has none; SystemError, DecodeError.
 */
export function firewallAttachment(
  request: Request,
  config: FirewallConfig,
  result: Result,
): FirewallAttachment {
  const isolation = isolationOf(config, result);
  return {
    key: attachmentKey(request),
    comment: ownerComment(request),
    netns: request.netns,
    result,
    addresses: addressesOf(result),
    ...(isolation !== undefined && { isolation: withPorts(isolation, result) }),
  };
}

export function attachmentKey({ network, containerId, ifname }: Request): AttachmentKey {
  return { network, containerId, ifname };
}

export const families: readonly IpFamily[] = [4, 6];

/** All addresses of a result, those of the host's interfaces too, none twice, in its order. */
export function addressesOf(result: Result): readonly IpAddress[] {
  return distinct(result.ips.map(({ address }) => address.address));
}

export function distinct(addresses: readonly IpAddress[]): readonly IpAddress[] {
  return [...new Map(addresses.map((address) => [formatIp(address), address])).values()];
}

export function ofFamily(addresses: readonly IpAddress[], family: IpFamily): readonly IpAddress[] {
  return addresses.filter((address) => address.family === family);
}
