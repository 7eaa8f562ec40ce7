import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { asSystemError } from "../../../shared/errors/system-error.ts";
import { formatIp, type IpAddress, parseIp } from "../../../shared/ip/address.ts";
import { readSmallFile } from "../../../shared/linux/small-file.ts";

/**
 * The beginning of the names of cursors: files with the address that a range set gave out last. Losing one only makes
 * the next search begin with the first address, so they are not synced to the disk.
 */
const stem = "last_reserved_ip.";

export function isCursorName(name: string): boolean {
  return name.startsWith(stem);
}

/** The cursor of the range set with this number; undefined when there is no usable one. */
export function readCursor(directory: string, set: number): IpAddress | undefined {
  try {
    return parseIp(readSmallFile(join(directory, `${stem}${set}`)));
  } catch {
    return undefined;
  }
}

/** Throws SystemError. */
export function writeCursor(directory: string, set: number, address: IpAddress): void {
  const path = join(directory, `${stem}${set}`);
  try {
    // Without a newline: with one, the Go plugin does not take it for an address.
    writeFileSync(path, formatIp(address), { mode: 0o600 });
  } catch (error) {
    throw asSystemError(`cannot write ${path}`, error);
  }
}
