import { readFileSync } from "node:fs";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { IpFamily } from "../../shared/ip/address.ts";
import type { PortIsolation } from "./isolation.ts";

/**
 * Asserts that rules of iptables match packets between two ports of a bridge. They do so only with br_netfilter, which each
 * network namespace can switch off (Documentation/networking/ip-sysctl, bridge-nf-call-iptables).
 *
 * @throws CniError code 105 when they do not: neighbours on the bridge reach each other.
 */
export function requireBridgeNetfilter(family: IpFamily, bridge: string): void {
  const name = `bridge-nf-call-${family === 4 ? "iptables" : "ip6tables"}`;
  const value = readSetting(`/proc/sys/net/bridge/${name}`);
  if (value === "1") return;
  throw new CniError(
    ErrorCode.checkMismatch,
    `bridge ${bridge} is not isolated: containers on it reach each other past iptables, since ${
      value === undefined ? "br_netfilter is not loaded" : `net.bridge.${name} is ${value}`
    }`,
    `load the kernel module br_netfilter and set net.bridge.${name}=1, or use "backend": "nftables", which needs neither`,
  );
}

/**
 * Asserts that isolated ports reach the gateways of their VLANs. A gateway is behind a port of the bridge, and rules of IP
 * cannot tell ports apart: with br_netfilter, the rule that isolates the ports drops packets to the gateway too.
 *
 * @throws CniError code 105 when the rules match such packets.
 */
export function requireGatewaysReached(family: IpFamily, { bridge, gateways = [] }: PortIsolation): void {
  const [gateway] = gateways;
  if (gateway === undefined) return;
  const name = `bridge-nf-call-${family === 4 ? "iptables" : "ip6tables"}`;
  if (readSetting(`/proc/sys/net/bridge/${name}`) !== "1") return;
  throw new CniError(
    ErrorCode.checkMismatch,
    `containers of ${bridge} do not reach ${gateway.name}: net.bridge.${name} is 1, so the rules that isolate ${bridge} drop what goes from port to port`,
    `set net.bridge.${name}=0: table bridge cni_firewall of nf_tables isolates without it`,
  );
}

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
