import { delegate } from "../../shared/cni/delegate.ts";
import { leaseRoot } from "../../shared/cni/leases.ts";
import type { Request } from "../../shared/cni/plugin.ts";
import { prevResultIfUsable } from "../../shared/cni/prev-result.ts";
import { runAll } from "../../shared/cni/undo-stack.ts";
import type { Iptables } from "../../shared/iptables/client.ts";
import type { CleanUpConfig } from "./config.ts";
import { removeLinks } from "./host-end.ts";
import { startRemovingMasquerade } from "./masquerade/masquerade.ts";
import { leavingAddresses } from "./masquerade/siblings.ts";
import { removeSpoofCheck } from "./spoof-check/spoof-check.ts";

/**
 * Removes everything of the attachment: the link pair, masquerade rules, the address. Works without a namespace and
 * without `prevResult`, goes on after a failure and reports the first cause. The address goes last, so that nobody
 * gets it while rules for it are left. Rules go whatever the configuration says: it may have changed since ADD.
 */
export function del(request: Request, { ipam }: CleanUpConfig, iptables: Iptables): void {
  const given = prevResultIfUsable(request)?.ips.map(({ address }) => address) ?? [];
  const leaving = leavingAddresses(request, given, leaseRoot(request.document));
  const finishMasquerade = startRemovingMasquerade(request, leaving, iptables);
  runAll([
    () => removeLinks(request),
    () => removeSpoofCheck(request),
    finishMasquerade,
    () => {
      if (ipam.type !== "") delegate(request, ipam, "DEL");
    },
  ]);
}
