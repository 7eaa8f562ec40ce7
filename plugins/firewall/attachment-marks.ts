import { writeFileSync } from "node:fs";
import { formatIp, type IpAddress, parseIp } from "../../shared/ip/address.ts";
import type { Owner } from "./owner.ts";
import { fileNames, removeFile } from "./record-files.ts";

// Records are called like the address. So that a DEL finds all of its attachment's without reading everybody's, an empty
// file beside each record has the attachment in its name: its ADD may have been repeated with other addresses.

const prefix = ".of-";

/** Notes that an attachment has an address. Throws what node:fs throws. */
export function writeMark(directory: string, owner: Owner, address: IpAddress): void {
  writeFileSync(`${directory}/${markOf(owner, address)}`, "", { mode: 0o600 });
}

/** Takes that back; nothing happens when there is no mark. Throws CniError code 5. */
export function removeMark(directory: string, owner: Owner, address: IpAddress): void {
  removeFile(`${directory}/${markOf(owner, address)}`);
}

/** Whose an address is, by its record. */
type OwnerOf = (address: IpAddress) => Owner | undefined;

/** Removes the marks of records that are gone, or that are somebody else's by now. Throws CniError code 5. */
export function removeStaleMarks(directory: string, ownerNow: OwnerOf): void {
  rightMarks(directory, prefix, ownerNow);
}

/**
 * The same for the marks of one attachment. Returns the addresses of those that stay: its own, and where names are too
 * long for a file, those of an attachment whose name ends alike. The record of an address tells whose it is.
 */
export function markedAddresses(directory: string, owner: Owner, ownerNow: OwnerOf): IpAddress[] {
  return rightMarks(directory, startOf(owner), ownerNow);
}

/** The addresses of the marks that begin in this way and are right; the others are removed. */
function rightMarks(directory: string, start: string, ownerNow: OwnerOf): IpAddress[] {
  return fileNames(directory).flatMap((name) => {
    if (!name.startsWith(start)) return [];
    const address = parseIp(name.slice(name.lastIndexOf("_") + 1));
    const owner = address && ownerNow(address);
    if (address !== undefined && owner !== undefined && markOf(owner, address) === name) return [address];
    removeFile(`${directory}/${name}`);
    return [];
  });
}

function markOf(owner: Owner, address: IpAddress): string {
  return `${startOf(owner)}${formatIp(address)}`;
}

/** The attachment's names may be longer than a file's: the last ones tell them apart. */
function startOf({ network, containerId, ifname }: Owner): string {
  return `${prefix}${`${network}_${containerId}_${ifname}`.slice(-190)}_`;
}
