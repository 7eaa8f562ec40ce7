import { statSync } from "node:fs";
import { setModificationTime } from "../../../shared/linux/modification-time.ts";

/** The version of a directory: another one after every change of its names. */
export interface DirectoryVersion {
  readonly inode: string;
  /** Nanoseconds since 1970, as text: JSON has no such numbers. */
  readonly modified: string;
  readonly changed: string;
}

export function sameVersion(a: DirectoryVersion, b: DirectoryVersion): boolean {
  return a.inode === b.inode && a.modified === b.modified && a.changed === b.changed;
}

/** The present version of a directory. Throws node:fs's errors. */
export function versionOf(directory: string): DirectoryVersion {
  const { ino, mtimeNs, ctimeNs } = statSync(directory, { bigint: true });
  return { inode: `${ino}`, modified: `${mtimeNs}`, changed: `${ctimeNs}` };
}

const second = 1_000_000_000n;

/**
 * Gives a directory a version that no later change can leave as it is.
 *
 * A time alone does not do that: the kernel's clock ticks every few milliseconds, and a change in the tick in which the
 * version was taken has the same time. Git has this problem with its index ("racy git",
 * Documentation/technical/racy-git.txt) and reads such files again. Here the directory gets a modification time that
 * the kernel will not produce: a random nanosecond of the second before its last change. It could produce it only if
 * the clock were set back to that second, and then with probability 1e-9. The time of the last change of status is
 * compared too, for programs that restore modification times (tar, rsync).
 *
 * @returns the new version; undefined when the file system does not keep nanoseconds.
 * @throws SystemError, node:fs's errors
 */
export function renewVersion(directory: string): DirectoryVersion | undefined {
  const { ctimeNs } = statSync(directory, { bigint: true });
  const time = (ctimeNs / second - 1n) * second + BigInt(Math.floor(Math.random() * Number(second)));
  setModificationTime(directory, time < 0n ? 0n : time);
  const version = versionOf(directory);
  return version.modified === `${time}` ? version : undefined;
}
