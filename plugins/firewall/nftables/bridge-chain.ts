import type { Element } from "../../../shared/nftables/element.ts";

const start = "on-";

/**
 * The name of a bridge's chain. Each byte that `nft` does not read as a part of a name is written as "/" and two hexadecimal
 * digits: the name of an interface has no "/".
 */
export function chainOfBridge(bridge: string): string {
  const bytes = [...Buffer.from(bridge)].map((byte) => {
    const character = String.fromCharCode(byte);
    return /[\w.-]/.test(character) ? character : `/${byte.toString(16).padStart(2, "0")}`;
  });
  return `${start}${bytes.join("")}`;
}

/** The bridge of a chain; undefined when the chain is no bridge's. */
export function bridgeOfChain(chain: string): string | undefined {
  if (!chain.startsWith(start)) return undefined;
  const text = chain.slice(start.length).replaceAll("/", "%");
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The chain to which an element of a verdict map leads; undefined when its verdict is final. */
export function chainOfElement({ data }: Element): string | undefined {
  return data !== undefined && "verdict" in data && "chain" in data.verdict ? data.verdict.chain : undefined;
}
