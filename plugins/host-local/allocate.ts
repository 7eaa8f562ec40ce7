import { formatIp, type IpAddress } from "../../shared/ip/address.ts";
import { findRange, isGateway, type Range, type RangeSet } from "./range.ts";

export interface Candidate {
  readonly address: IpAddress;
  readonly range: Range;
}

/**
 * The addresses that a set can give out, in the Go plugin's order: round robin, from the address behind the cursor
 * through the ranges, and with the cursor's own address as the last. Without a cursor, or with one from outside the
 * set, from the start of the first range. Lazy, since a range may hold 2^128 addresses.
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

/** To try an address costs as much as to list this many names of a directory, roughly. */
const namesPerMiss = 10;

/** How many misses cost as much as to list a directory of this many names. */
export function missLimit(names: number): number {
  return Math.max(64, Math.ceil(names / namesPerMiss));
}

/**
 * The first candidate that `take` gets.
 *
 * @param take tries to reserve an address; false when it is taken.
 * @param listTaken addresses, as text, that `take` would not get: asked for once, after `limit` misses.
 */
export function choose(
  set: RangeSet,
  cursor: IpAddress | undefined,
  take: (address: IpAddress) => boolean,
  listTaken: () => Iterable<string> = () => [],
  limit = missLimit(0),
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
