import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import type { Result } from "../../shared/cni/result.ts";
import { formatIp, type IpAddress } from "../../shared/ip/address.ts";
import type { Family } from "../../shared/iptables/which.ts";
import { hasControlCharacter } from "../../shared/linux/control-character.ts";
import type { FirewallConfig } from "./config.ts";
import type { Owner } from "./owner.ts";
import type { Isolation } from "./rules.ts";

export const families: readonly Family[] = [4, 6];

export function ownerOf(request: Request): Owner {
  return { network: request.network, containerId: request.containerId, ifname: request.ifname };
}

/** All addresses of a result, those of the host's side too, none twice, in its order. */
export function addressesOf(result: Result): readonly IpAddress[] {
  return distinct(result.ips.map(({ address }) => address.address));
}

export function distinct(addresses: readonly IpAddress[]): readonly IpAddress[] {
  return [...new Map(addresses.map((address) => [formatIp(address), address])).values()];
}

export function ofFamily(addresses: readonly IpAddress[], family: Family): readonly IpAddress[] {
  return addresses.filter((address) => address.family === family);
}

/**
 * Which bridge the policy is about: the result's first interface, as with the reference plugin. Undefined for "open".
 *
 * @throws CniError code 7 when there is no such interface, or its name would match other interfaces too.
 */
export function isolationOf(config: FirewallConfig, result: Result): Isolation | undefined {
  const policy = config.ingressPolicy;
  if (policy === "open") return undefined;
  const [bridge] = result.interfaces;
  if (bridge === undefined) {
    throw new CniError(
      ErrorCode.invalidConfig,
      `interface needs to be set for ingress policy "${policy}", make sure to chain "firewall" plugin with "bridge"`,
      "prevResult has no interfaces",
    );
  }
  const details = "ingressPolicy works on the first interface of prevResult, which has to be the bridge";
  if (bridge.name === "") {
    throw new CniError(ErrorCode.invalidConfig, "got empty bridge name", details);
  }
  if (!isInterfaceName(bridge.name)) {
    throw new CniError(
      ErrorCode.invalidConfig,
      `invalid bridge name ${JSON.stringify(bridge.name)} in prevResult`,
      details,
    );
  }
  return { policy, bridge: bridge.name };
}

/** What iptables takes for this very interface: "+" at the end stands for any rest, "!" turns the match around. */
function isInterfaceName(name: string): boolean {
  return (
    /^[^\s/:"'\\!-][^\s/:"'\\]*$/.test(name) &&
    !hasControlCharacter(name) &&
    Buffer.byteLength(name) < 16 &&
    !name.endsWith("+")
  );
}
