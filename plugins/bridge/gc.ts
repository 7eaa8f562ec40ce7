import type { Attachment } from "../../shared/cni/attachments.ts";
import { delegateGc } from "../../shared/cni/delegate.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import type { Iptables } from "../../shared/iptables/client.ts";
import type { CleanUpConfig } from "./config.ts";
import { collectLinks } from "./host-end.ts";
import { collectMasquerade } from "./masquerade/masquerade.ts";
import { collectSpoofChecks } from "./spoof-check/spoof-check.ts";

/** Removes links, masquerade rules and addresses of this network's attachments that are not in the list. */
export function gc(
  request: Request,
  valid: readonly Attachment[],
  { ipam }: CleanUpConfig,
  iptables: Iptables,
): void {
  runAll([
    () => collectLinks(request.network, valid),
    () => collectSpoofChecks(request.network, valid),
    () => collectMasquerade(request.network, valid, iptables),
    () => {
      if (ipam.type !== "") delegateGc(request, ipam);
    },
  ]);
}
