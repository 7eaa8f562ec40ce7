import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { AttachmentKey } from "../../../shared/cni/attachment-key.ts";
import { formatIp, type IpAddress } from "../../../shared/ip/address.ts";
import { readSmallFile } from "../../../shared/linux/small-file.ts";

/** The usual place of host-local's leases: a folder for each network. */
const leaseDirectory = "/var/lib/cni/networks";

/**
 * Returns the attachments that have leased an address, from the files of host-local (ours or Go's): one line with the
 * container, one with the interface.
 */
export function findLeaseHolders(address: IpAddress, directory = leaseDirectory): AttachmentKey[] {
  const name = formatIp(address);
  return networksIn(directory).flatMap((network) => {
    const text = readIfUsable(join(directory, network, name));
    const [, containerId, ifname] = /^\s*(\S+)\r\n(\S+)\s*$/.exec(text) ?? [];
    return containerId === undefined || ifname === undefined ? [] : [{ network, containerId, ifname }];
  });
}

function networksIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readIfUsable(path: string): string {
  try {
    return readSmallFile(path);
  } catch {
    return "";
  }
}
