import { formatIp, type IpAddress, parseIp, sameIp } from "../../../shared/ip/address.ts";
import { findRange, formatRange, type RangeSet } from "../ranges/range.ts";

/**
 * The key of a range set in the index: a text with the addresses that it gives out. Each range comes with its gateway
 * if that lies in the range, as in "10.0.0.1-10.0.0.6!10.0.0.1,fd00::2-fd00::9".
 */
export function rangeSetKey(set: RangeSet): string {
  return set
    .map((range) => {
      const { gateway } = range;
      const left = gateway !== undefined && findRange([range], gateway) !== undefined;
      return left ? `${formatRange(range)}!${formatIp(gateway)}` : formatRange(range);
    })
    .join(",");
}

/** A test for the addresses that the set with this key gives out. */
export function membership(key: string): (address: IpAddress) => boolean {
  const spans = key.split(",").map((text) => {
    const [start, end, gateway] = text.split(/[-!]/).map(parseIp);
    return { start, end, gateway };
  });
  return (address) =>
    spans.some(
      ({ start, end, gateway }) =>
        start?.family === address.family &&
        start.value <= address.value &&
        end !== undefined &&
        address.value <= end.value &&
        !(gateway !== undefined && sameIp(gateway, address)),
    );
}
