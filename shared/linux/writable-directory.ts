import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import { nodeErrno } from "../errors/system-error.ts";

/**
 * Throws what node:fs throws unless files can be made in the directory or, where it is not there yet, in the nearest
 * one above it that is. Makes nothing: for STATUS.
 */
export function requireWritableDirectory(path: string): void {
  try {
    // The dot fails for what is no directory.
    accessSync(`${path}/.`, constants.W_OK | constants.X_OK);
  } catch (error) {
    if (nodeErrno(error) !== "ENOENT" || path === dirname(path)) throw error;
    requireWritableDirectory(dirname(path));
  }
}
