import { readFileSync } from "node:fs";
import { CniError, ErrorCode } from "../../shared/errors/cni-error.ts";
import type { Family } from "../../shared/iptables/which.ts";

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

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
