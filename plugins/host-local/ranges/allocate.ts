import { formatIp, type IpAddress } from "../../../shared/ip/address.ts";
import { findRange, isGateway, type Range, type RangeSet } from "./range.ts";

export interface Candidate {
  readonly address: IpAddress;
  readonly range: Range;
}

/**
 * The addresses that a set can give out, in the Go plugin's order: round robin, from the address behind the cursor
 * through the ranges to the cursor's own address. Without a cursor in the set it begins with the first range. Lazy,
 * since a range may hold 2^128 addresses.
 *
 * @param cursor the address that was given out last.
 */
export function* candidates(set: RangeSet, cursor: IpAddress | undefined): Generator<Candidate> {
  const current = cursor === undefined ? undefined : findRange(set, cursor);
  if (cursor === undefined || current === undefined) {
    for (const range of set) yield* addresses(range, range.start.value, range.end.value);
    return;
  }
  const index = set.indexOf(current);
  yield* addresses(current, cursor.value + 1n, current.end.value);
  for (const range of [...set.slice(index + 1), ...set.slice(0, index)]) {
    yield* addresses(range, range.start.value, range.end.value);
  }
  yield* addresses(current, current.start.value, cursor.value);
}

function* addresses(range: Range, first: bigint, last: bigint): Generator<Candidate> {
  for (let value = first; value <= last; value++) {
    const address: IpAddress = { family: range.start.family, value };
    if (!isGateway(range, address)) yield { address, range };
  }
}

/** The number of names in a directory whose listing costs about as much as trying one address. */
const namesPerMiss = 10;

/** The number of misses that cost as much as listing a directory of this many names. */
export function missLimit(names: number): number {
  return Math.max(64, Math.ceil(names / namesPerMiss));
}

/** How `choose` finds out which addresses are free. */
interface Trial {
  /** Tries to reserve an address; false when it is taken. */
  readonly take: (address: IpAddress) => boolean;
  /** Lists addresses, as text, that `take` would not get. Called once, after `limit` misses. */
  readonly listTaken?: () => Iterable<string>;
  /** Default: `missLimit` of an empty directory. */
  readonly limit?: number;
}

/** The first candidate that can be reserved; undefined when there is none. */
export function choose(
  set: RangeSet,
  cursor: IpAddress | undefined,
  { take, listTaken = () => [], limit = missLimit(0) }: Trial,
): Candidate | undefined {
  let taken: ReadonlySet<string> | undefined;
  let misses = 0;
  for (const candidate of candidates(set, cursor)) {
    if (taken?.has(formatIp(candidate.address)) === true) continue;
    if (take(candidate.address)) return candidate;
    misses += 1;
    if (misses === limit) taken = new Set(listTaken());
  }
  return undefined;
}
