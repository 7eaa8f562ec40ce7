import type { Request } from "../../shared/cni/plugin.ts";
import { likelyFamilies } from "../../shared/cni/prev-result.ts";
import { startEarly } from "../../shared/iptables/restore.ts";

/** Starts iptables-restore where no other backend is asked for. */
export function prepare(request: Request): void {
  const { backend = "iptables" } = request.document;
  if (backend !== "iptables" && backend !== "") return;
  const purpose = request.command === "CHECK" ? "reading" : "changing";
  for (const family of likelyFamilies(request)) startEarly(family, purpose);
}
