import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import { bitLength, formatIp, type IpAddress, offsetIp, sameIp } from "../../../shared/ip/address.ts";
import {
  formatPrefix,
  type IpPrefix,
  lastOf,
  networkOf,
  prefixContains,
  samePrefix,
} from "../../../shared/ip/prefix.ts";

/** A range as the configuration has it. */
export interface RangeInput {
  readonly subnet?: IpPrefix | undefined;
  readonly rangeStart?: IpAddress | undefined;
  readonly rangeEnd?: IpAddress | undefined;
  readonly gateway?: IpAddress | undefined;
}

/** Addresses to give out: `start` to `end`, both included, without the gateway. They lie in the subnet. */
export interface Range {
  readonly subnet: IpPrefix;
  readonly start: IpAddress;
  readonly end: IpAddress;
  /** It may lie outside the range, the subnet, and even be of the other family. */
  readonly gateway?: IpAddress;
}

/**
 * Ranges that together serve one address per attachment: all of one family, at least one, none overlapping.
 */
export type RangeSet = readonly Range[];

/**
 * Fills in what a range leaves out. The rules and the core of the messages are the Go plugin's, so that both give out
 * the same addresses; subnets of one and two addresses are ours.
 *
 * @throws CniError code 7.
 */
export function completeRange(input: RangeInput): Range {
  const { subnet } = input;
  if (subnet === undefined) {
    throw invalid("a range has no subnet", 'every range needs a "subnet", such as "10.1.0.0/16"');
  }
  const network = networkOf(subnet);
  if (!samePrefix(network, subnet)) {
    const address = formatIp(network.address);
    throw invalid(
      `Network has host bits set. For a subnet mask of length ${subnet.prefixLength} the network address is ${address}`,
      `write ${formatPrefix(network)} for subnet, not ${formatPrefix(subnet)}`,
    );
  }
  const start = startOf(network, input);
  const end = endOf(network, start, input.rangeEnd);
  const gateway = input.gateway ?? (isTiny(network) ? undefined : offsetIp(network.address, 1n));
  return { subnet: network, start, end, ...(gateway === undefined ? {} : { gateway }) };
}

/**
 * Subnets of one or two addresses (RFC 3021 links, single hosts) have no network, broadcast or gateway address to set
 * aside: every address of them is given out, and only a gateway that is written down is left out.
 */
function isTiny(subnet: IpPrefix): boolean {
  return bitLength(subnet.address.family) - subnet.prefixLength <= 1;
}

function startOf(subnet: IpPrefix, { rangeStart, rangeEnd }: RangeInput): IpAddress {
  if (rangeStart === undefined) return isTiny(subnet) ? subnet.address : offsetIp(subnet.address, 1n);
  const problem = `RangeStart ${formatIp(rangeStart)} not in network ${formatPrefix(subnet)}`;
  if (!prefixContains(subnet, rangeStart)) {
    throw invalid(problem, `rangeStart must be an address of ${spanOf(subnet)}`);
  }
  const behindEnd = rangeEnd?.family === rangeStart.family && rangeStart.value > rangeEnd.value;
  if (behindEnd) throw invalid(problem, `rangeStart lies behind rangeEnd ${formatIp(rangeEnd)}`);
  return rangeStart;
}

function endOf(subnet: IpPrefix, start: IpAddress, rangeEnd: IpAddress | undefined): IpAddress {
  if (rangeEnd === undefined) {
    const last = lastOf(subnet);
    const end = last.family === 4 && !isTiny(subnet) ? offsetIp(last, -1n) : last;
    // A range that starts at the broadcast address is that one address. (The Go plugin leaves the subnet there.)
    return end.value < start.value ? start : end;
  }
  const problem = `RangeEnd ${formatIp(rangeEnd)} not in network ${formatPrefix(subnet)}`;
  if (!prefixContains(subnet, rangeEnd)) {
    throw invalid(problem, `rangeEnd must be an address of ${spanOf(subnet)}`);
  }
  if (rangeEnd.value < start.value) {
    throw invalid(problem, `rangeEnd lies before the first address of the range, ${formatIp(start)}`);
  }
  return rangeEnd;
}

/**
 * Completes the ranges of a set and checks them together.
 *
 * @throws CniError code 7.
 */
export function completeSet(inputs: readonly RangeInput[]): RangeSet {
  if (inputs.length === 0)
    throw invalid("empty range set", "remove this set or put a range with a subnet in");
  const set = inputs.map(completeRange);
  if (new Set(set.map((range) => range.start.family)).size > 1) {
    throw invalid(
      "mixed address families",
      "a range set serves one address: put IPv4 and IPv6 ranges into sets of their own",
    );
  }
  const overlap = findOverlap(set);
  if (overlap !== undefined) {
    const [one, other] = overlap;
    throw invalid(
      `subnets ${formatRange(one)} and ${formatRange(other)} overlap`,
      "give each range addresses of its own, with rangeStart and rangeEnd",
    );
  }
  return set;
}

/** Two ranges with an address in common, in the order in which they are given; undefined when there are none. */
export function findOverlap<Any extends Range>(ranges: readonly Any[]): readonly [Any, Any] | undefined {
  const placed = ranges.map((range, place) => ({ range, place }));
  // Beside each other, any two of a family that overlap show that two neighbours do.
  placed.sort(
    (a, b) => compare(a.range.start.family, b.range.start.family) || compare(startValue(a), startValue(b)),
  );
  const index = placed.findIndex((one, at) => {
    const next = placed[at + 1]?.range.start;
    const { end } = one.range;
    return next !== undefined && next.family === end.family && next.value <= end.value;
  });
  const pair = placed.slice(index, index + 2).sort((a, b) => a.place - b.place);
  const [one, other] = pair;
  return index === -1 || one === undefined || other === undefined ? undefined : [one.range, other.range];
}

function startValue({ range }: { readonly range: Range }): bigint {
  return range.start.value;
}

function compare<Value extends number | bigint>(a: Value, b: Value): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The range of the set that the address lies in. */
export function findRange(set: RangeSet, address: IpAddress): Range | undefined {
  return set.find(
    ({ start, end }) =>
      start.family === address.family && start.value <= address.value && address.value <= end.value,
  );
}

/** How many addresses the set can give out. */
export function capacityOf(set: RangeSet): bigint {
  return set.reduce((sum, range) => {
    const held = range.gateway !== undefined && findRange([range], range.gateway) !== undefined ? 1n : 0n;
    return sum + range.end.value - range.start.value + 1n - held;
  }, 0n);
}

export function isGateway(range: Range, address: IpAddress): boolean {
  return range.gateway !== undefined && sameIp(range.gateway, address);
}

/** "10.0.0.1-10.0.0.254" */
export function formatRange({ start, end }: Range): string {
  return `${formatIp(start)}-${formatIp(end)}`;
}

export function formatSet(set: RangeSet): string {
  return set.map(formatRange).join(",");
}

function spanOf(subnet: IpPrefix): string {
  return `${formatIp(subnet.address)} to ${formatIp(lastOf(subnet))}`;
}

function invalid(msg: string, details: string): CniError {
  return new CniError(ErrorCode.invalidConfig, msg, details);
}
