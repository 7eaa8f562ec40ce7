import type { Element } from "../../../shared/nftables/element.ts";

const start = "on-";

/**
 * Name of the chain that stands for a bridge. What `nft` would not read as a part of a name is written as "/" and two
 * hexadecimal digits for each byte: a "/" cannot be in the name of an interface.
 */
export function chainOfBridge(bridge: string): string {
  const bytes = [...Buffer.from(bridge)].map((byte) => {
    const character = String.fromCharCode(byte);
    return /[\w.-]/.test(character) ? character : `/${byte.toString(16).padStart(2, "0")}`;
  });
  return `${start}${bytes.join("")}`;
}

/** The bridge for which a chain stands; undefined for other chains. */
export function bridgeOfChain(chain: string): string | undefined {
  if (!chain.startsWith(start)) return undefined;
  const text = chain.slice(start.length).replaceAll("/", "%");
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The chain to which an element of a verdict map leads; undefined when it decides by itself. */
export function chainOfElement({ data }: Element): string | undefined {
  return data !== undefined && "verdict" in data && "chain" in data.verdict ? data.verdict.chain : undefined;
}
