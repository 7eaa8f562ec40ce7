import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { nodeErrno } from "../errors/system-error.ts";

/**
 * Makes a directory and those above it that are missing. Not `mkdirSync` with `recursive`, which never returns where
 * nothing can be made although the parent exists, as below /proc (seen with Node 24.12).
 *
 * @param path absolute.
 * @param mode permission bits of every directory that is made, before the umask.
 * @returns the topmost directory that was made; undefined when the directory is there already.
 * @throws the failure of node:fs, for `asSystemError`; EEXIST when a file is in the way.
 */
export function makeDirectory(path: string, mode: number): string | undefined {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return undefined;
  const above = dirname(path);
  const topmost = above === path ? undefined : makeDirectory(above, mode);
  try {
    mkdirSync(path, mode);
    return topmost ?? path;
  } catch (error) {
    // Another process was faster, or a file is in the way.
    if (nodeErrno(error) !== "EEXIST" || !statSync(path).isDirectory()) throw error;
    return topmost;
  }
}
