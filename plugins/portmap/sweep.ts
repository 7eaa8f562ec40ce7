import { sweepGone } from "../../shared/cni/sweep.ts";
import type { Iptables } from "../../shared/iptables/client.ts";
import { closeForStale } from "./localhost/guard.ts";
import { removeGone } from "./nftables/removal.ts";

/** Removes ports of attachments that are gone from our own tables. Returns a report for people. Throws CniError. */
export function sweep(iptables: Iptables, cacheDirectory?: string): string {
  return sweepGone(
    "portmap",
    (isGone) => {
      removeGone("", isGone);
      closeForStale(iptables, "", isGone);
    },
    cacheDirectory,
  );
}
