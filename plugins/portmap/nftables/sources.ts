import type { IpFamily } from "../../../shared/ip/address.ts";
import {
  formatPrefix,
  type IpPrefix,
  isDefaultPrefix,
  networkOf,
  parsePrefix,
} from "../../../shared/ip/prefix.ts";
import * as words from "../../../shared/nftables/statement.ts";

/** Whose connections to a container are masqueraded: those of a network and the host's own, or everybody's. */
export type Sources = IpPrefix | "any";

/** @param all whether everybody's are masqueraded. */
export function sourcesOf(all: boolean, container: IpPrefix): Sources {
  return all || isDefaultPrefix(container) ? "any" : networkOf(container);
}

/** What the names of chains contain that are about sources. */
export const sourcesPart = "from_";

/** The chain that masquerades what comes from these sources. */
export function sourcesChain(sources: Sources): string {
  return `${sourcesPart}${sources === "any" ? sources : formatPrefix(sources).replaceAll(":", "_")}`;
}

/** The sources that a chain of `sourcesChain` is for; undefined for other chains. */
export function sourcesIn(chain: string): Sources | undefined {
  if (!chain.startsWith(sourcesPart)) return undefined;
  const text = chain.slice(sourcesPart.length);
  return text === "any" ? text : parsePrefix(text.replaceAll("_", ":"));
}

/** One of these must hold for a packet that comes from there. */
export function sourceAlternatives(sources: Sources, family: IpFamily): words.Statement[][] {
  if (sources === "any") return [[]];
  const saddr = family === 4 ? "ip saddr" : "ip6 saddr";
  const host = family === 4 ? parsePrefix("127.0.0.0/8") : undefined;
  return [sources, host]
    .filter((prefix) => prefix !== undefined)
    .map((prefix) => [words.inPrefix(saddr, "==", prefix)]);
}
