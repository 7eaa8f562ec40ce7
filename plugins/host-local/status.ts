import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import type { Request } from "../../shared/cni/plugin.ts";
import { CniError, ErrorCode, errorText } from "../../shared/errors/cni-error.ts";
import { asSystemError, nodeErrno } from "../../shared/errors/system-error.ts";
import { type IpAddress, parseIp } from "../../shared/ip/address.ts";
import { loadConfig } from "./config.ts";
import { directoryExists, listNames, readLease } from "./lease-directory.ts";
import { exhausted } from "./messages.ts";
import { capacityOf, findRange, isGateway, type RangeSet } from "./range.ts";

/**
 * Tells whether the next ADD could lease an address.
 *
 * @throws CniError code 50 when not; 4, 6 or 7 when the configuration is wrong.
 */
export function status(request: Request): void {
  // Runtimes do not tell the ranges that they add through the capability when they ask for the status.
  const { directory, sets } = loadConfig(request, "optional");
  checkUsable(directory);
  if (!directoryExists(directory)) return;
  const names = listNames(directory);
  for (const set of sets) checkNotFull(directory, set, names);
}

function checkUsable(directory: string): void {
  const present = nearestPresent(directory);
  try {
    accessSync(present, constants.W_OK | constants.X_OK);
    // The system call for a name in it tells whether it is a directory.
    accessSync(`${present}/.`);
  } catch (error) {
    throw new CniError(
      ErrorCode.pluginNotAvailable,
      `cannot keep leases in ${directory}: ${errorText(asSystemError(present, error))}`,
      'the directory must be writable; the key "dataDir" of ipam chooses another',
    );
  }
}

function nearestPresent(path: string): string {
  for (let place = path; ; place = dirname(place)) {
    try {
      accessSync(place);
      return place;
    } catch (error) {
      if (nodeErrno(error) !== "ENOENT" || place === dirname(place)) return place;
    }
  }
}

function checkNotFull(directory: string, set: RangeSet, names: readonly string[]): void {
  const held = names.filter((name) => isLeasable(set, parseIp(name)));
  if (BigInt(held.length) < capacityOf(set)) return;
  if (held.some((name) => readLease(directory, name)?.kind === "torn")) return;
  throw exhausted(ErrorCode.pluginNotAvailable, set, directory);
}

function isLeasable(set: RangeSet, address: IpAddress | undefined): boolean {
  const range = address === undefined ? undefined : findRange(set, address);
  return range !== undefined && address !== undefined && !isGateway(range, address);
}
