import type { Request } from "../../shared/cni/plugin.ts";
import { likelyFamilies } from "../../shared/cni/prev-result.ts";
import { startEarly } from "../../shared/iptables/transitional.ts";
import { chainName, postrouting } from "./iptables-rules.ts";

/** Starts iptables-restore for a CHECK of masquerading. ADD and DEL do so when they know the addresses. */
export function prepare(request: Request): void {
  const { ipMasq, ipMasqBackend = "iptables" } = request.document;
  if (ipMasq !== true || ipMasqBackend !== "iptables") return;
  const chains = [postrouting, chainName(request)];
  for (const family of likelyFamilies(request)) startEarly(family, "reading", { table: "nat", chains });
}
