import { hasIptables } from "../../shared/iptables/client.ts";
import { hasNftables } from "../../shared/nftables/client.ts";
import type { FirewallConfig } from "./config.ts";
import { detectFirewalld } from "./firewalld.ts";

/**
 * Whether the nftables backend is used: where it is named, and where none is and neither firewalld runs nor iptables is
 * installed, so that the Go plugin could do nothing.
 */
export function usesNftables({ backend }: FirewallConfig): boolean {
  if (backend === "nftables") return true;
  return backend === "detect" && !hasIptables(4) && !firewalldRuns() && hasNftables();
}

function firewalldRuns(): boolean {
  const firewalld = detectFirewalld();
  firewalld?.close();
  return firewalld !== undefined;
}
