import { sweepGone } from "../../shared/cni/sweep.ts";
import { closeForStale } from "./localhost-guard.ts";
import { removeGone } from "./nftables/remove.ts";

/** Removes ports of attachments that are gone from our own tables. Throws CniError. */
export function sweep(cacheDirectory?: string): string {
  return sweepGone(
    "portmap",
    (isGone) => {
      removeGone("", isGone);
      closeForStale("", isGone);
    },
    cacheDirectory,
  );
}
