import type { Request } from "../../shared/cni/plugin.ts";
import { likelyFamilies } from "../../shared/cni/prev-result.ts";
import { Iptables } from "../../shared/iptables/client.ts";
import type { Purpose } from "../../shared/iptables/restore.ts";
import { FirewalldAccess } from "./firewalld/client.ts";

/** What one call of the plugin talks to besides the kernel. */
export interface Clients {
  readonly iptables: Iptables;
  readonly firewalld: FirewalldAccess;
}

/** Calls `work` with clients that connect and start programs when they are first needed; closes them. */
export function withClients<T>(work: (clients: Clients) => T): T {
  const firewalld = new FirewalldAccess();
  try {
    return work({ iptables: new Iptables(), firewalld });
  } finally {
    firewalld.close();
  }
}

/** Starts iptables for the families of which `prevResult` seems to have addresses. */
export function startIptables(iptables: Iptables, request: Request, purpose: Purpose): void {
  for (const family of likelyFamilies(request)) {
    if (purpose === "reading") iptables.startEarly(family, purpose, { table: "filter", chains: [] });
    else iptables.startEarly(family, purpose);
  }
}
