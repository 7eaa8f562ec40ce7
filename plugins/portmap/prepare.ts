import { isJsonObject } from "../../shared/cni/json-read.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { likelyFamilies } from "../../shared/cni/prev-result.ts";
import { startEarly } from "../../shared/iptables/transitional.ts";
import { usualChains } from "./rules.ts";

/** Starts iptables-restore where ports are to be published by it. DEL finds out first whether something is there. */
export function prepare(request: Request): void {
  const { runtimeConfig, backend = "iptables", snat = true, externalSetMarkChain } = request.document;
  const mappings = isJsonObject(runtimeConfig) ? runtimeConfig["portMappings"] : undefined;
  if (request.command === "DEL" || backend !== "iptables") return;
  if (!Array.isArray(mappings) || mappings.length === 0) return;
  const isUsual = snat === true && externalSetMarkChain === undefined;
  for (const family of likelyFamilies(request)) {
    if (request.command === "ADD") startEarly(family, "changing");
    else if (isUsual) startEarly(family, "reading", { table: "nat", chains: usualChains(request) });
  }
}
