import { CniError } from "../../shared/errors/cni-error.ts";
import { capacityOf, formatSet, type RangeSet } from "./range.ts";

/** No address of the set is left. ADD and STATUS have codes of their own for it. */
export function exhausted(code: number, set: RangeSet, directory: string): CniError {
  const capacity = capacityOf(set);
  return new CniError(
    code,
    `no IP addresses available in range set: ${formatSet(set)}`,
    capacity === 0n
      ? "its only address is the gateway: choose a larger range or another gateway"
      : `all ${capacity} addresses are held; each file in ${directory} names an address and its container: ` +
          "those of containers that are gone are released by DEL or GC",
  );
}
