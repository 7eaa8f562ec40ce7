import { readFileSync } from "node:fs";
import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { Family } from "../../shared/iptables/which.ts";
import type { BridgePolicy } from "./nftables/wanted.ts";

/**
 * Rules of iptables see packets between two ports of a bridge only with br_netfilter, which each network namespace can
 * switch off (Documentation/networking/ip-sysctl, bridge-nf-call-iptables).
 *
 * @throws CniError code 105 when they do not, so that neighbours on the bridge are not kept apart.
 */
export function requireBridgeNetfilter(family: Family, bridge: string): void {
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
 * Rules about a bridge cannot tell its ports apart: with br_netfilter, those that keep the ports of an isolated bridge
 * apart drop what goes to the gateway of a VLAN, which is behind a port.
 *
 * @throws CniError code 105 when they see it.
 */
export function requireGatewaysReached(family: Family, { bridge, gateways = [] }: BridgePolicy): void {
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
