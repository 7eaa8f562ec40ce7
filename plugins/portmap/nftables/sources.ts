import type { IpFamily } from "../../../shared/ip/address.ts";
import {
  formatPrefix,
  type IpPrefix,
  isDefaultPrefix,
  networkOf,
  parsePrefix,
} from "../../../shared/ip/prefix.ts";
import * as words from "../../../shared/nftables/statement.ts";

/** The sources of connections that are masqueraded: a network and the host itself, or anybody. */
export type Sources = IpPrefix | "any";

/**
 * Returns the sources for a container.
 *
 * @param all whether everybody's connections are masqueraded.
 */
export function masqueradedSources(all: boolean, container: IpPrefix): Sources {
  return all || isDefaultPrefix(container) ? "any" : networkOf(container);
}

/** The part of a chain's name that precedes sources. */
export const sourcesPart = "from_";

/** Returns the name of the chain that masquerades packets from these sources. */
export function sourcesChain(sources: Sources): string {
  return `${sourcesPart}${sources === "any" ? sources : formatPrefix(sources).replaceAll(":", "_")}`;
}

/** Returns the sources in the name of such a chain; undefined for other chains. */
export function sourcesIn(chain: string): Sources | undefined {
  if (!chain.startsWith(sourcesPart)) return undefined;
  const text = chain.slice(sourcesPart.length);
  return text === "any" ? text : parsePrefix(text.replaceAll("_", ":"));
}

/** Returns statements of which one must hold for a packet from these sources. */
export function sourceAlternatives(sources: Sources, family: IpFamily): words.Statement[][] {
  if (sources === "any") return [[]];
  const saddr = family === 4 ? "ip saddr" : "ip6 saddr";
  const host = family === 4 ? parsePrefix("127.0.0.0/8") : undefined;
  return [sources, host]
    .filter((prefix) => prefix !== undefined)
    .map((prefix) => [words.inPrefix(saddr, "==", prefix)]);
}
