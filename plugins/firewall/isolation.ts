import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Result } from "../../shared/cni/result.ts";
import { hasControlCharacter } from "../../shared/linux/control-character.ts";
import { findVlanGateways, isVlanGateway, type VlanGateway } from "./vlan-gateways.ts";

export const ingressPolicies = ["open", "same-bridge", "isolated"] as const;
export type IngressPolicy = (typeof ingressPolicies)[number];
export type IsolationPolicy = Exclude<IngressPolicy, "open">;

/** A bridge whose containers are kept apart from those of other bridges; with "isolated" also from each other. */
export interface Isolation {
  readonly policy: IsolationPolicy;
  readonly bridge: string;
}

/** The isolation of an attachment's bridge, with the ports that it is about. */
export interface PortIsolation extends Isolation {
  /** The host's ends of the attachment, by the result. */
  readonly ports: readonly string[];
  /** The gateways of VLANs, which isolated ports reach nevertheless, by the kernel; absent for none. */
  readonly gateways?: readonly VlanGateway[];
}

/**
 * The isolation by the configured policy; undefined for "open". The bridge is the result's first interface, as in the Go
 * plugin.
 *
 * @throws CniError code 7 when the result has no such interface, or its name would match other interfaces too.
 */
export function isolationOf(
  { ingressPolicy: policy }: { readonly ingressPolicy: IngressPolicy },
  result: Result,
): Isolation | undefined {
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

/** True for a name that iptables takes for this interface only: "+" at the end would match any rest, "!" would negate. */
function isInterfaceName(name: string): boolean {
  return (
    /^[^\s/:"'\\!-][^\s/:"'\\]*$/.test(name) &&
    !hasControlCharacter(name) &&
    Buffer.byteLength(name) < 16 &&
    !name.endsWith("+")
  );
}

/** The host's ends of an attachment: the host's interfaces in a result, without the bridge and its gateways of VLANs. */
export function portsOf({ interfaces: [bridge, ...others] }: Result): readonly string[] {
  if (bridge === undefined) return [];
  const names = others
    .filter(({ name, sandbox = "" }) => sandbox === "" && !isVlanGateway(bridge.name, name))
    .map(({ name }) => name);
  return [...new Set(names.filter(isPossibleName))];
}

/** The isolation with the ports in a result; asks the kernel for gateways of VLANs. Throws SystemError, DecodeError. */
export function withPorts(isolation: Isolation, result: Result): PortIsolation {
  const gateways = isolation.policy === "isolated" ? findVlanGateways(isolation.bridge, result) : [];
  return { ...isolation, ports: portsOf(result), ...(gateways.length > 0 && { gateways }) };
}

/** The host's interface by which the container is reached: the first of a result; undefined when that is not the host's. */
export function bridgeOf({ interfaces: [first] }: Result): string | undefined {
  return first !== undefined && (first.sandbox ?? "") === "" && isPossibleName(first.name)
    ? first.name
    : undefined;
}

/** True for a name that an interface can have. */
function isPossibleName(name: string): boolean {
  return /^[^\s/:]+$/.test(name) && !hasControlCharacter(name) && Buffer.byteLength(name) < 16;
}
