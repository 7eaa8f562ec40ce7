import { closeSync, constants, openSync, readlinkSync, readSync, writeSync } from "node:fs";
import { asSystemError, SystemError } from "../errors/system-error.ts";

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const root = "/proc/sys";

/**
 * The path of a link's parameter, for example "net/ipv4/conf/eth0/arp_notify".
 *
 * @param link never a name that others have given it, but a configured one, or one of our own.
 * @throws SystemError when the name would lead elsewhere.
 */
export function linkSysctl(family: 4 | 6, link: string, parameter: string): string {
  // These are every link's.
  const isOneLink = link !== "all" && link !== "default" && !link.includes("/") && isSafePart(link);
  if (isOneLink) return `net/ipv${family}/conf/${link}/${parameter}`;
  throw new SystemError(`cannot use sysctls of link ${JSON.stringify(link)}`, "EINVAL");
}

/**
 * The value of a kernel parameter in the namespace of the calling thread, without the newline at its end.
 *
 * @param path with slashes, for example "net/ipv4/conf/eth0/arp_notify": interface names may hold dots.
 * @throws SystemError, ENOENT when the parameter does not exist.
 */
export function readSysctl(path: string): string {
  return withParameter(`cannot read sysctl ${root}/${path}`, path, O_RDONLY, (fd) => {
    for (let size = 512; ; size *= 8) {
      const bytes = new Uint8Array(size);
      const length = readSync(fd, bytes, 0, size, 0);
      // The kernel gives as much as there is room for.
      if (length < size) return Buffer.from(bytes.buffer, 0, length).toString("utf8").replace(/\n$/, "");
    }
  });
}

/** Sets a kernel parameter in the namespace of the calling thread. Throws SystemError. */
export function writeSysctl(path: string, value: string): void {
  const operation = `cannot set sysctl ${root}/${path} to ${JSON.stringify(value)}`;
  withParameter(operation, path, O_WRONLY, (fd) => writeSync(fd, value));
}

function withParameter<T>(operation: string, path: string, flags: number, work: (fd: number) => T): T {
  refuseOtherPlaces(operation, path);
  try {
    // To open it does nothing yet, to whatever it is.
    const fd = openSync(`${root}/${path}`, flags | O_NOFOLLOW | O_NONBLOCK);
    try {
      refuseFollowedLinks(operation, path, fd);
      return work(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw asSystemError(operation, error);
  }
}

function refuseOtherPlaces(operation: string, path: string): void {
  if (path.split("/").every(isSafePart)) return;
  throw new SystemError(operation, "EINVAL", "", {
    kind: "invalid",
    advice: 'no part of the path may be empty, "." or ".."',
  });
}

function isSafePart(part: string): boolean {
  return part !== "" && part !== "." && part !== ".." && !part.includes("\0");
}

/** The kernel has no symbolic links below /proc/sys; whoever has put one there means something else. */
function refuseFollowedLinks(operation: string, path: string, fd: number): void {
  const opened = readlinkSync(`/proc/self/fd/${fd}`);
  if (opened === `${root}/${path}`) return;
  // The link that it belongs to is gone by now.
  const isGone = opened === `${root}/${path} (deleted)`;
  throw new SystemError(operation, isGone ? "ENOENT" : "ELOOP");
}

/** Sets a kernel parameter unless it has the value already. Returns true when it was changed. Throws SystemError. */
export function ensureSysctl(path: string, value: string): boolean {
  if (readSysctl(path) === value) return false;
  writeSysctl(path, value);
  return true;
}

/** Does something while a kernel parameter has a value, and gives it back the one that it had. Throws SystemError. */
export function withSysctl(path: string, value: string, action: () => void): void {
  const before = readSysctl(path);
  writeSysctl(path, value);
  try {
    action();
  } finally {
    writeSysctl(path, before);
  }
}
