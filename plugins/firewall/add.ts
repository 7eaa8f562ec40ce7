import type { Request } from "../../shared/cni/plugin.ts";
import { requirePrevResult } from "../../shared/cni/prev-result.ts";
import type { Result } from "../../shared/cni/result.ts";
import { firewallAttachment } from "./attachment.ts";
import { decideBackend } from "./backend.ts";
import type { Clients } from "./clients.ts";
import type { FirewallConfig } from "./config.ts";

/** Lets the traffic of the attachment's addresses pass, and isolates its bridge by the policy. Returns the result before. */
export function add(request: Request, config: FirewallConfig, clients: Clients): Result {
  const result = requirePrevResult(request, "firewall");
  const attachment = firewallAttachment(request, config, result);
  if (attachment.addresses.length > 0) decideBackend(config, clients).add(attachment);
  return result;
}
