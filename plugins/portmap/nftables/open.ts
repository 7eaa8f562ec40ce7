import { type Nftables, openNftables } from "../../../shared/nftables/client.ts";

/** Works with the ruleset of this network namespace. Throws SystemError where the kernel has none. */
export function withNftables<T>(work: (nftables: Nftables) => T): T {
  const nftables = openNftables();
  try {
    return work(nftables);
  } finally {
    nftables.close();
  }
}
