import type { Request } from "../../shared/cni/plugin.ts";
import { likelyFamilies } from "../../shared/cni/prev-result.ts";
import { startEarly } from "../../shared/iptables/transitional.ts";

/** Starts iptables-restore where no other backend is asked for. */
export function prepare(request: Request): void {
  const { backend = "iptables" } = request.document;
  if (backend !== "iptables" && backend !== "") return;
  for (const family of likelyFamilies(request)) {
    if (request.command === "CHECK") startEarly(family, "reading", { table: "filter", chains: [] });
    else startEarly(family, "changing");
  }
}
