import { writeFileSync } from "node:fs";
import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import { formatIp, type IpAddress, parseIp } from "../../../shared/ip/address.ts";
import { recordFileNames, removeRecordFile } from "./record-files.ts";

// Records are named after the address. An empty file beside each record is named after the attachment, so that DEL finds
// the attachment's records without reading all: a repeated ADD may have given it other addresses.

const prefix = ".of-";

/** Adds an address of an attachment to the index. Throws what node:fs throws. */
export function addToIndex(directory: string, owner: AttachmentKey, address: IpAddress): void {
  writeFileSync(`${directory}/${entryName(owner, address)}`, "", { mode: 0o600 });
}

/** Removes an address of an attachment from the index, if it is there. Throws CniError code 5. */
export function removeFromIndex(directory: string, owner: AttachmentKey, address: IpAddress): void {
  removeRecordFile(`${directory}/${entryName(owner, address)}`);
}

/** The owner of an address, by its record. */
type OwnerOf = (address: IpAddress) => AttachmentKey | undefined;

/** Removes the entries whose record is gone, or is another attachment's by now. Throws CniError code 5. */
export function removeStaleEntries(directory: string, ownerNow: OwnerOf): void {
  currentEntries(directory, prefix, ownerNow);
}

/**
 * The addresses of an attachment by the index, from which its stale entries are removed. With names that are too long for
 * a file, some may be another attachment's: compare the record's owner. Throws CniError code 5.
 */
export function indexedAddresses(directory: string, owner: AttachmentKey, ownerNow: OwnerOf): IpAddress[] {
  return currentEntries(directory, entryStart(owner), ownerNow);
}

/** The addresses of the entries whose name begins with `start`; stale ones are removed. */
function currentEntries(directory: string, start: string, ownerNow: OwnerOf): IpAddress[] {
  return recordFileNames(directory).flatMap((name) => {
    if (!name.startsWith(start)) return [];
    const address = parseIp(name.slice(name.lastIndexOf("_") + 1));
    const owner = address && ownerNow(address);
    if (address !== undefined && owner !== undefined && entryName(owner, address) === name) return [address];
    removeRecordFile(`${directory}/${name}`);
    return [];
  });
}

function entryName(owner: AttachmentKey, address: IpAddress): string {
  return `${entryStart(owner)}${formatIp(address)}`;
}

/** The beginning of an attachment's entries. Its names may be longer than a file's: the end tells attachments apart. */
function entryStart({ network, containerId, ifname }: AttachmentKey): string {
  return `${prefix}${`${network}_${containerId}_${ifname}`.slice(-190)}_`;
}
