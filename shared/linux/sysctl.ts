import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { asSystemError } from "../errors/system-error.ts";

const root = "/proc/sys";

/**
 * The value of a kernel parameter in the namespace of the calling thread, without the newline at its end.
 *
 * @param path with slashes, for example "net/ipv4/conf/eth0/arp_notify": interface names may hold dots.
 * @throws SystemError, ENOENT when the parameter does not exist.
 */
export function readSysctl(path: string): string {
  try {
    return readFileSync(`${root}/${path}`, "utf8").replace(/\n$/, "");
  } catch (error) {
    throw asSystemError(`cannot read sysctl ${root}/${path}`, error);
  }
}

/** Sets a kernel parameter in the namespace of the calling thread. Throws SystemError. */
export function writeSysctl(path: string, value: string): void {
  const operation = `cannot set sysctl ${root}/${path} to ${JSON.stringify(value)}`;
  try {
    const fd = openSync(`${root}/${path}`, constants.O_WRONLY | constants.O_TRUNC);
    try {
      writeSync(fd, value);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw asSystemError(operation, error);
  }
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
