import { sweepGone } from "../../shared/cni/sweep.ts";
import { sweepRuleset } from "./nftables/ruleset.ts";

/** Removes the addresses and ports of attachments that are gone from our nf_tables tables. Throws CniError. */
export function sweep(cacheDirectory?: string): string {
  return sweepGone("firewall", sweepRuleset, cacheDirectory);
}
