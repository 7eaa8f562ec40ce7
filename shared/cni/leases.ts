import { readdirSync } from "node:fs";
import { Failure } from "../errors/failure.ts";
import { asSystemError, nodeErrno } from "../errors/system-error.ts";
import { formatIp, type IpAddress, parseIp } from "../ip/address.ts";
import { readSmallFile } from "../linux/small-file.ts";
import type { AttachmentKey } from "./attachment-key.ts";
import type { Attachment } from "./attachments.ts";
import { isJsonObject, type JsonObject } from "./json-read.ts";
import { isSpelling } from "./key.ts";

// What host-local says of other plugins' attachments. A container cannot write there, as it can give itself an address.

/** Where host-local, the Go plugin as well, keeps leases unless its `dataDir` says otherwise. */
const usualDirectory = "/var/lib/cni/networks";

/**
 * The addresses that an attachment has leased from host-local.
 *
 * @throws SystemError when the leases cannot be read; that there are none is no failure.
 */
export function leasedAddresses(owner: AttachmentKey): readonly IpAddress[] {
  const directory = directoryOf(owner);
  return namesIn(directory).flatMap((name) => {
    const address = parseIp(name);
    return address !== undefined && holds(owner, readLease(`${directory}/${name}`)) ? [address] : [];
  });
}

/** True when host-local has leased the address to another attachment of the network. Throws SystemError. */
export function isLeasedToOther(owner: AttachmentKey, address: IpAddress): boolean {
  const lease = readLease(`${directoryOf(owner)}/${formatIp(address)}`);
  return lease !== undefined && !holds(owner, lease);
}

/**
 * Who has leased an address of a network from host-local; undefined when nobody has. Its `ifname` is "" in leases of old
 * releases of the Go plugin, which knew one interface of a container. Throws SystemError.
 *
 * @param root host-local's `dataDir`; "" for the usual one.
 */
export function leaseHolder(network: string, address: IpAddress, root: string): Attachment | undefined {
  const lease = readLease(`${root === "" ? usualDirectory : root}/${network}/${formatIp(address)}`);
  if (lease === undefined) return undefined;
  const [containerId = "", ifname = ""] = lease.split("\r\n");
  return { containerId, ifname };
}

/** The `dataDir` that a network's configuration gives host-local; "" when it gives none. */
export function leaseRoot(document: JsonObject): string {
  const ipam = lastOf(document, "ipam");
  const root = isJsonObject(ipam) ? lastOf(ipam, "dataDir") : undefined;
  return typeof root === "string" ? root : "";
}

/** Of several spellings the last counts, as where host-local decodes its configuration. */
function lastOf(object: JsonObject, name: string): unknown {
  return Object.entries(object).findLast(([key]) => isSpelling(key, name))?.[1];
}

function directoryOf({ network }: AttachmentKey): string {
  return `${usualDirectory}/${network}`;
}

/** Old releases of the Go plugin, which knew one interface of a container, name none. */
function holds({ containerId, ifname }: Attachment, lease: string | undefined): boolean {
  return lease === containerId || lease === `${containerId}\r\n${ifname}`;
}

/** What a lease says; undefined when there is none, or an empty file, as a crash leaves it. */
function readLease(path: string): string | undefined {
  try {
    return readSmallFile(path).trim() || undefined;
  } catch (error) {
    if (isAbsent(error) || error instanceof Failure) return undefined;
    throw asSystemError(`cannot read lease ${path}`, error);
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw asSystemError(`cannot read leases in ${directory}`, error);
  }
}

function isAbsent(error: unknown): boolean {
  const errno = nodeErrno(error);
  return errno === "ENOENT" || errno === "ENOTDIR";
}
