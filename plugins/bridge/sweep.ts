import { sweepGone } from "../../shared/cni/sweep.ts";
import { sweepMasquerade } from "./masquerade/nftables.ts";
import { sweepSpoofChecks } from "./spoof-check/spoof-check.ts";

/** Removes masquerading and checks of source MACs of attachments that are gone from our own tables. Throws CniError. */
export function sweep(cacheDirectory?: string): string {
  return sweepGone(
    "bridge",
    (isGone) => {
      sweepMasquerade(isGone);
      sweepSpoofChecks(isGone);
    },
    cacheDirectory,
  );
}
