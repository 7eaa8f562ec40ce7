import { readFileSync } from "node:fs";
import { sha512 } from "../../../shared/cni/sha512.ts";

/**
 * The name of a boot, independent of any clock: MACHINE-BOOT, with 8 hex digits each, or "unknown" for the machine. It
 * is short, so that it fits the text of a symbolic link.
 */
export type BootToken = string;

const tokenPattern = /^([0-9a-f]{8}|unknown)-[0-9a-f]{8}$/;

export function isBootToken(text: string): boolean {
  return tokenPattern.test(text);
}

/**
 * The token of a boot.
 *
 * @param bootId text of /proc/sys/kernel/random/boot_id, which is random in each boot.
 * @param machineId text of /etc/machine-id (machine-id(5)), which is hashed since it is confidential. "unknown" stands
 *   for any text that is no ID.
 */
export function bootToken(bootId: string, machineId: string): BootToken {
  const machine = /^[0-9a-f]{32}$/.test(machineId.trim()) ? sha512(machineId.trim()).slice(0, 8) : "unknown";
  return `${machine}-${bootId.trim().slice(0, 8)}`;
}

/** True when a token is of another boot of the machine of `now`. */
export function isEarlierBoot(token: BootToken, now: BootToken): boolean {
  const [machine] = now.split("-");
  return machine !== "unknown" && token.startsWith(`${machine}-`) && token !== now;
}

/** The kernel's ID of this boot; undefined when it cannot be read. */
export function readBootId(): string | undefined {
  const text = readIfPresent("/proc/sys/kernel/random/boot_id").trim();
  return /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(text) ? text : undefined;
}

/** The token of this boot. */
export function readBootToken(bootId: string): BootToken {
  return bootToken(bootId, readIfPresent("/etc/machine-id"));
}

/** The seconds since the machine started, including those asleep: a clock that cannot be set. */
export function readUptime(): number {
  return Number.parseFloat(readIfPresent("/proc/uptime")) || 0;
}

function readIfPresent(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
