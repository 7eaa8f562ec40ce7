import { parseIp, sameIp } from "../../shared/ip/address.ts";

/**
 * True when the value that the kernel prints is the configured one. The kernel prints tabs where people write blanks, and
 * has its own spelling of numbers, lists of ports and addresses.
 */
export function isSameValue(configured: string, current: string): boolean {
  const wanted = wordsOf(configured);
  const shown = wordsOf(current);
  return (
    wanted.length === shown.length && wanted.every((word, index) => isSameWord(word, shown[index] ?? ""))
  );
}

function wordsOf(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

function isSameWord(a: string, b: string): boolean {
  if (a === b) return true;
  const one = portsOf(a);
  const other = portsOf(b);
  if (one !== undefined && other !== undefined) return one === other;
  const address = parseIp(a);
  const otherAddress = parseIp(b);
  return address !== undefined && otherAddress !== undefined && sameIp(address, otherAddress);
}

/**
 * The one form of all spellings of a set of numbers: "8080-8082" for 8082,8081,8080. Undefined when the text is not a list
 * of numbers and ranges.
 */
function portsOf(text: string): string | undefined {
  const ranges: [first: bigint, last: bigint][] = [];
  for (const part of text.split(",")) {
    const [, low = "", high = low] = /^(-?[0-9a-fx]+)(?:-([0-9a-fx]+))?$/i.exec(part) ?? [];
    const [first, last] = [numberOf(low), numberOf(high)];
    if (first === undefined || last === undefined) return undefined;
    ranges.push([first, last]);
  }
  ranges.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const joined: [bigint, bigint][] = [];
  for (const [first, last] of ranges) {
    const before = joined.at(-1);
    if (before === undefined || first > before[1] + 1n) joined.push([first, last]);
    else if (last > before[1]) before[1] = last;
  }
  return joined.map(([first, last]) => `${first}-${last}`).join();
}

/** The number that the kernel reads (kernel/sysctl.c, strtoul_lenient with base 0): 0x10 and 020 are 16. */
function numberOf(text: string): bigint | undefined {
  const [, sign = "", octal, other = ""] =
    /^(-?)(?:0([0-7]{1,48})|(0x[0-9a-f]{1,32}|0|[1-9]\d{0,39}))$/i.exec(text) ?? [];
  if (octal === undefined && other === "") return undefined;
  const value = BigInt(octal === undefined ? other : `0o${octal}`);
  return sign === "" ? value : -value;
}
