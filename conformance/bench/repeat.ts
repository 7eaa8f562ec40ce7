/**
 * How what a plugin has left for one container is repeated for a thousand others: the same statements and files with other
 * names, addresses, ports and hashes in place of the container's own. Pure.
 */
import { createHash } from "node:crypto";

/** What tells one container from another in what a plugin leaves for it. */
export type Identity = {
  containerId: string;
  /** Without prefix length. */
  addresses: readonly string[];
  /** The published port, 0 if there is none. */
  hostPort: number;
};

/** Makes a text for the container with this number out of the text for the one that was learnt from. */
type Rewrite = (text: string, index: number) => string;

const hash = /[0-9a-f]{15,}/g;
const firstPort = 10_000;

/**
 * Learns from the statements of two containers what belongs to the first one: everything with its ID, its addresses,
 * its port, or a hash that goes with these and that the second one has not.
 */
export function learn(
  statements: readonly string[],
  first: Identity,
  second: Identity,
): { own: (statement: string) => boolean; rewrite: Rewrite } {
  const hashesOf = (identity: Identity): Set<string> => {
    const texts = statements.filter((statement) => mentions(statement, identity));
    const ids = [first.containerId, second.containerId];
    const hashes = texts.flatMap((text) => without(text, ids).match(hash) ?? []);
    return new Set(hashes);
  };
  const ofSecond = hashesOf(second);
  const hashes = [...hashesOf(first)].filter((text) => !ofSecond.has(text));
  return {
    own: (statement) => mentions(statement, first) || hashes.some((text) => statement.includes(text)),
    rewrite: (text, index) => rewritten(text, index, first, hashes),
  };
}

/** The identity of the container with this number, with addresses in the same networks. */
export function identityOf(index: number, like: Identity): Identity {
  return {
    containerId: otherHash(like.containerId, index),
    addresses: like.addresses.map((address) => otherAddress(address, index)),
    hostPort: like.hostPort === 0 ? 0 : firstPort + index,
  };
}

function rewritten(text: string, index: number, from: Identity, hashes: readonly string[]): string {
  const to = identityOf(index, from);
  let result = text.replaceAll(from.containerId, to.containerId);
  from.addresses.forEach((address, place) => {
    result = result.replaceAll(wholeAddress(address), to.addresses[place] ?? address);
  });
  if (from.hostPort !== 0) result = result.replaceAll(wholeNumber(from.hostPort), `${to.hostPort}`);
  for (const old of hashes) result = result.replaceAll(old, otherHash(old, index));
  return result;
}

function mentions(text: string, { containerId, addresses, hostPort }: Identity): boolean {
  return (
    text.includes(containerId) ||
    addresses.some((address) => wholeAddress(address).test(text)) ||
    (hostPort !== 0 && wholeNumber(hostPort).test(text))
  );
}

/** Hexadecimal digits of the same number, as good as random; a name before the last `-` stays. */
function otherHash(old: string, index: number): string {
  const name = old.slice(0, old.lastIndexOf("-") + 1);
  const digits = createHash("sha256").update(`${old} ${index}`).digest("hex");
  return `${name}${digits.slice(0, old.length - name.length)}`;
}

/** An address of the same network, far from the first ones: the 16 bits at the end hold 4,096 and the number. */
function otherAddress(address: string, index: number): string {
  const host = 4096 + index;
  if (address.includes(":")) return `${address.slice(0, address.lastIndexOf(":") + 1)}${host.toString(16)}`;
  const [a, b] = address.split(".");
  return `${a}.${b}.${host >> 8}.${host & 255}`;
}

/** 10.4.0.2 is not in 10.4.0.20, nor fd00::2 in fd00::2a; a global pattern, for replaceAll. */
function wholeAddress(address: string): RegExp {
  const escaped = address.replaceAll(".", "\\.");
  return address.includes(":")
    ? new RegExp(`(?<![0-9a-f:])${escaped}(?![0-9a-f:])`, "g")
    : new RegExp(`(?<![\\d.])${escaped}(?![\\d.])`, "g");
}

function wholeNumber(number: number): RegExp {
  return new RegExp(`(?<![\\w.:])${number}(?![\\w.:])`, "g");
}

function without(text: string, parts: readonly string[]): string {
  return parts.reduce((rest, part) => rest.replaceAll(part, ""), text);
}
