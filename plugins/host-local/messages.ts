import { CniError, ErrorCode } from "../../shared/cni/errors/cni-error.ts";
import type { OldestLease } from "./index/index-state.ts";
import { leasedSince } from "./leases/directory.ts";
import { formatHolder, type Lease } from "./leases/lease.ts";
import { capacityOf, formatSet, type RangeSet } from "./ranges/range.ts";

/** The holders of a set's addresses. */
export interface Holders {
  readonly directory: string;
  readonly held: number;
  readonly oldest?: (OldestLease & { readonly lease: Lease }) | undefined;
}

/** All addresses of a set are held. ADD and STATUS give this error different codes. */
export function exhausted(code: number, set: RangeSet, { directory, held, oldest }: Holders): CniError {
  const capacity = capacityOf(set);
  const first =
    oldest === undefined
      ? ""
      : `; the oldest lease is ${oldest.name}, since ${oldest.since}, of ${formatHolder(oldest.lease)}`;
  return new CniError(
    code,
    `no IP addresses available in range set: ${formatSet(set)}`,
    capacity === 0n
      ? "its only address is the gateway: choose a larger range or another gateway"
      : `${heldOf(held, capacity)}${first}. Each file in ${directory} names an address and its ` +
          "container: those of containers that are gone are released by DEL or GC, or by removing the file; " +
          "or choose a larger range",
  );
}

/** All free addresses of a set rest. */
export function allResting(set: RangeSet, held: number, seconds: number): CniError {
  return new CniError(
    ErrorCode.tryAgainLater,
    `no IP addresses available in range set: ${formatSet(set)}, before ${wait(seconds)} have passed`,
    `${heldOf(held, capacityOf(set))}, the others were released a short time ago: ` +
      'the key "cooldown" of ipam sets for how long they rest',
  );
}

function heldOf(held: number, capacity: bigint): string {
  if (capacity === 1n) return held === 1 ? "its only address is held" : "its only address is not held";
  return `${held} of its ${capacity} addresses ${held === 1 ? "is" : "are"} held`;
}

export function requestedRests(set: RangeSet, name: string, seconds: number): CniError {
  return new CniError(
    ErrorCode.tryAgainLater,
    `requested IP address ${name} is not available in range set ${formatSet(set)}: it was released a short time ago`,
    `it may be requested in ${wait(seconds)}: the key "cooldown" of ipam sets for how long an address rests`,
  );
}

/** A requested address is held. */
export function requestedTaken(set: RangeSet, directory: string, name: string, holder: Lease): CniError {
  return new CniError(
    ErrorCode.conflict,
    `requested IP address ${name} is not available in range set ${formatSet(set)}`,
    `it is held by ${formatHolder(holder)}, since ${leasedSince(directory, name)}: request another one, or release it ` +
      `by DEL of its container; the lease is ${directory}/${name}`,
  );
}

function wait(seconds: number): string {
  return `${Math.ceil(seconds)} s`;
}
