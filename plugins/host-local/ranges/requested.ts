import { CniError, ErrorCode } from "../../../shared/cni/errors/cni-error.ts";
import { formatIp, type IpAddress, parseIp, sameIp } from "../../../shared/ip/address.ts";
import { parsePrefix } from "../../../shared/ip/prefix.ts";
import { findRange, formatSet, isGateway, type RangeSet } from "./range.ts";

/** The address of a request such as "10.0.0.5" or "10.0.0.5/24", whose length does not matter; undefined for others. */
export function parseRequestedIp(text: string): IpAddress | undefined {
  return text.includes("/") ? parsePrefix(text)?.address : parseIp(text);
}

/**
 * The requested address that each range set has to serve; undefined for those that may choose. A set serves the first
 * request that lies in it.
 *
 * @throws CniError code 7 when a request cannot be served even if all addresses are free.
 */
export function assignRequests(
  sets: readonly RangeSet[],
  requested: readonly IpAddress[],
): readonly (IpAddress | undefined)[] {
  const distinct = requested.filter(
    (ip, index) => requested.findIndex((other) => sameIp(ip, other)) === index,
  );
  const served = new Set<IpAddress>();
  const assigned = sets.map((set, index) => {
    const wanted = distinct.find((ip) => !served.has(ip) && findRange(set, ip) !== undefined);
    if (wanted === undefined) return undefined;
    assertNotGateway(set, wanted, index);
    served.add(wanted);
    return wanted;
  });
  const open = distinct.filter((ip) => !served.has(ip));
  if (open.length === 0) return assigned;
  throw new CniError(
    ErrorCode.invalidConfig,
    `failed to allocate all requested IPs: ${open.map(formatIp).join(" ")}`,
    open.map((ip) => `${formatIp(ip)} ${reason(sets, ip)}`).join("; "),
  );
}

function reason(sets: readonly RangeSet[], ip: IpAddress): string {
  const place = sets.findIndex((set) => findRange(set, ip) !== undefined);
  if (place >= 0)
    return `lies in range set ${place}, which gives one address: request only one of its ranges`;
  const family = sets.filter(([range]) => range?.start.family === ip.family);
  const served = sets.map((set, index) => `set ${index}: ${formatSet(set)}`).join("; ");
  const cause = family.length === 0 ? `no range set is of IPv${ip.family}` : "lies in no range";
  return `${family.length === 0 ? "cannot be served, " : ""}${cause}: request an address of ${served}`;
}

function assertNotGateway(set: RangeSet, wanted: IpAddress, index: number): void {
  const range = findRange(set, wanted);
  if (range === undefined || !isGateway(range, wanted)) return;
  throw new CniError(
    ErrorCode.invalidConfig,
    `failed to allocate for range ${index}: requested ip ${formatIp(wanted)} is subnet's gateway`,
    `request another address of ${formatSet(set)}, or move the gateway with the key "gateway"`,
  );
}
