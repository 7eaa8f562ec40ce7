import { reapplyWhatCheckMisses } from "../../shared/cni/living.ts";
import type { Reapplied, Request } from "../../shared/cni/plugin.ts";
import { add } from "./add.ts";
import { check } from "./check.ts";
import type { Clients } from "./clients.ts";
import type { FirewallConfig } from "./config.ts";

/** Makes again what CHECK misses of a living attachment. Throws CniError. */
export function reapply(request: Request, config: FirewallConfig, clients: Clients): Reapplied {
  return reapplyWhatCheckMisses(
    request,
    () => check(request, config, clients),
    () => add(request, config, clients),
  );
}
