import { readFileSync } from "node:fs";

/** A file as /proc/locks names it. */
interface FileIdentity {
  /** As in stat(2). */
  readonly dev: bigint;
  readonly ino: bigint;
}

/** A text for messages on who holds the flock(2) lock of a file: "held by process 4711 (host-local)". */
export function lockHolder(file: FileIdentity): string {
  const pid = findHolder(readIfPresent("/proc/locks"), file);
  if (pid === undefined) return "held by a process that cannot be seen from here";
  const program = readIfPresent(`/proc/${pid}/comm`).trimEnd();
  return `held by process ${pid}${program === "" ? "" : ` (${program})`}`;
}

/**
 * The process that took the lock, from the text of /proc/locks (proc_locks(5)). Lines of waiting processes have an
 * arrow; 0 stands for a process of another PID namespace. On file systems with several devices (overlay, btrfs) the
 * device is not the one of stat(2), hence a second try without it.
 */
export function findHolder(locks: string, { dev, ino }: FileIdentity): number | undefined {
  const flocks = [...locks.matchAll(/^\d+: FLOCK .* (\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) \d+ \S+$/gm)].filter(
    ([, pid, , , inode]) => pid !== "0" && BigInt(inode ?? 0) === ino,
  );
  const exact = flocks.find(([, , major, minor]) => device(major, minor) === dev);
  const pid = (exact ?? flocks[0])?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** The number that stat(2) gives for a device (linux/kdev_t.h, new_encode_dev). */
function device(major = "0", minor = "0"): bigint {
  const [high, low] = [BigInt(`0x${major}`), BigInt(`0x${minor}`)];
  return (low & 0xffn) | (high << 8n) | ((low & ~0xffn) << 12n);
}

function readIfPresent(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
