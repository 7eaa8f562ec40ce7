import { lstatSync, statSync } from "node:fs";
import { setModificationTime } from "../../shared/linux/modification-time.ts";

/** The state of a directory that changes with every name that comes or goes. */
export interface DirectoryMark {
  readonly inode: string;
  /** Nanoseconds since 1970, as text: JSON has no such numbers. */
  readonly modified: string;
  readonly changed: string;
}

export function sameMark(a: DirectoryMark, b: DirectoryMark): boolean {
  return a.inode === b.inode && a.modified === b.modified && a.changed === b.changed;
}

/** Throws node:fs's errors. */
export function markOf(directory: string): DirectoryMark {
  const { ino, mtimeNs, ctimeNs } = statSync(directory, { bigint: true });
  return { inode: `${ino}`, modified: `${mtimeNs}`, changed: `${ctimeNs}` };
}

const second = 1_000_000_000n;

/**
 * Gives a directory a modification time by which any later change, also one in the same tick of the kernel's clock,
 * can be told: a random nanosecond of the second before its last change of status. The kernel will not come by it again; were the
 * clock set back to that second, one change in a thousand million would. When the status was changed is compared as
 * well, for programs that put times back (tar, rsync).
 *
 * @returns the mark that the directory now has; undefined when the file system does not keep nanoseconds.
 * @throws SystemError, node:fs's errors
 */
export function stampDirectory(directory: string): DirectoryMark | undefined {
  const { ctimeNs } = statSync(directory, { bigint: true });
  const stamp = (ctimeNs / second - 1n) * second + BigInt(Math.floor(Math.random() * Number(second)));
  setModificationTime(directory, stamp < 0n ? 0n : stamp);
  const mark = markOf(directory);
  return mark.modified === `${stamp}` ? mark : undefined;
}

/**
 * Tells a file from another that had or gets the same name: its inode and when that was made. Where the file system
 * does not know that, the time of its content stands in.
 *
 * @returns "" when there is no such file.
 */
export function fileIdentity(path: string): string {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return "";
  const { ino, birthtimeNs, mtimeNs } = stat;
  return `${ino.toString(36)}.${(birthtimeNs > 0n ? birthtimeNs : mtimeNs).toString(36)}`;
}
