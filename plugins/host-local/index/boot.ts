import { readFileSync } from "node:fs";
import { sha512 } from "../../../shared/cni/sha512.ts";

/**
 * The time between two starts of a machine, as text: which machine, which start. Nobody's clock has a part in it.
 * 8 hex digits each, or "unknown" for the machine: it has to fit a short symbolic link.
 */
export type BootToken = string;

const tokenPattern = /^([0-9a-f]{8}|unknown)-[0-9a-f]{8}$/;

export function isBootToken(text: string): boolean {
  return tokenPattern.test(text);
}

/**
 * @param bootId text of /proc/sys/kernel/random/boot_id, which the kernel makes up at each start.
 * @param machineId text of /etc/machine-id (machine-id(5)); what it does not tell is "unknown". It is hashed, since it
 *   is not to be shown around.
 */
export function bootToken(bootId: string, machineId: string): BootToken {
  const machine = /^[0-9a-f]{32}$/.test(machineId.trim()) ? sha512(machineId.trim()).slice(0, 8) : "unknown";
  return `${machine}-${bootId.trim().slice(0, 8)}`;
}

/** True when a token stands for another start of the very machine that `now` is of. */
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

/** Seconds since the machine started, those asleep included: a clock that nobody sets. */
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
