import { readFileSync } from "node:fs";
import { hasNftables, withNftables } from "../nftables/client.ts";
import type { Family } from "./program.ts";

/**
 * Whether a table may hold a chain of this name, found out without starting a program: those of iptables-nft are
 * chains of nf_tables, those of iptables-legacy need that table in the kernel. Called in the namespace concerned.
 *
 * @returns false only when there is no such chain.
 */
export function chainMayExist(family: Family, table: "nat" | "filter", chain: string): boolean {
  return legacyTableExists(family, table) || nftChainExists(family, table, chain) !== false;
}

/**
 * Whether a table of iptables-nft holds a chain of this name. Called in the namespace concerned.
 *
 * @returns undefined when the kernel does not tell.
 */
export function nftChainExists(family: Family, table: "nat" | "filter", chain: string): boolean | undefined {
  if (!hasNftables()) return undefined;
  const name = { table: { family: family === 4 ? "ip" : "ip6", name: table }, name: chain } as const;
  try {
    return withNftables((nftables) => nftables.getChain(name) !== undefined);
  } catch {
    // The programs will say it in words.
    return undefined;
  }
}

/** The kernel lists the tables that iptables-legacy has used in this namespace; without the file there are none. */
export function legacyTableExists(family: Family, table: "nat" | "filter"): boolean {
  try {
    const names = readFileSync(`/proc/thread-self/net/${family === 4 ? "ip" : "ip6"}_tables_names`, "utf8");
    return names.split("\n").includes(table);
  } catch {
    return false;
  }
}
