import { closeSync, constants, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import type { Owner } from "../../shared/cni/owner-alias.ts";
import { formatIp, type IpAddress } from "../../shared/ip/address.ts";

/** Where host-local has its leases unless it is told otherwise: a folder for each network. */
const leaseDirectory = "/var/lib/cni/networks";

/** Longer than any lease: container IDs of runtimes have 64 characters. */
const maxLength = 4096;

/** Who has leased an address, by the files of host-local (ours or Go's): a line for the container, one for the interface. */
export function readLeases(address: IpAddress, directory = leaseDirectory): Owner[] {
  const name = formatIp(address);
  return networksIn(directory).flatMap((network) => {
    const text = readSmallFile(join(directory, network, name));
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

function readSmallFile(path: string): string {
  let fd: number;
  try {
    // Never wait for the other end of a pipe.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return "";
  }
  try {
    const buffer = Buffer.alloc(maxLength);
    return buffer.toString("utf8", 0, readSync(fd, buffer));
  } catch {
    return "";
  } finally {
    closeSync(fd);
  }
}
