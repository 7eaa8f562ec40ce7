import { hasIptables } from "../../shared/iptables/client.ts";
import { hasNftables } from "../../shared/nftables/client.ts";

/** What forwards packets: rules of the host's iptables programs, or a table of our own in the kernel's nf_tables. */
export type Backend = "iptables" | "nftables";

/** The backend when the configuration names none: iptables where it is installed, as the Go plugin. */
export function usableBackend(): Backend {
  return !hasIptables(4) && hasNftables() ? "nftables" : "iptables";
}
