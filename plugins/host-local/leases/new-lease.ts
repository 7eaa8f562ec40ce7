import { closeSync, fsyncSync, openSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { asSystemError, nodeErrno } from "../../../shared/errors/system-error.ts";
import { linkUnnamedFile, openUnnamedFile } from "../../../shared/linux/unnamed-file.ts";

/** A lease file without a name, which is its address. */
export interface NewLease {
  /** Gives the file its name, an address as text. Returns false when another lease has it. Throws SystemError. */
  take(name: string): boolean;
  close(): void;
}

/**
 * Prepares lease files with this content. A lease appears whole or not at all, even if the process is killed or the
 * power fails: the file is written and synced without a name, before the lock is taken, and gets its name by link(2),
 * which fails when the name exists, as the Go plugin's O_EXCL does.
 *
 * On file systems without unnamed files it is written in place. The next ADD recognises those that are torn then.
 *
 * @throws SystemError
 */
export function prepareLeases(directory: string, content: string, count: number): NewLease[] {
  const files: number[] = [];
  try {
    while (files.length < count) {
      const fd = openUnnamedFile(directory, 0o600);
      if (fd === undefined) return Array.from({ length: count }, () => inPlace(directory, content));
      files.push(fd);
      writeFileSync(fd, content);
    }
    // One after the other would cost a commit of the file system's journal each.
    for (const fd of files) fsyncSync(fd);
    return files.map((fd) => unnamed(fd, directory));
  } catch (error) {
    for (const fd of files) closeSync(fd);
    throw asSystemError(`cannot write a lease in ${directory}`, error);
  }
}

function unnamed(fd: number, directory: string): NewLease {
  return { take: (name) => linkUnnamedFile(fd, join(directory, name)), close: () => closeSync(fd) };
}

function inPlace(directory: string, content: string): NewLease {
  return { take: (name) => writeInPlace(join(directory, name), content), close: () => {} };
}

/** Exported for its test: few file systems need it. */
export function writeInPlace(path: string, content: string): boolean {
  try {
    const fd = openSync(path, "wx", 0o600);
    try {
      writeFileSync(fd, content);
      fsyncSync(fd);
    } catch (error) {
      unlinkSync(path);
      throw error;
    } finally {
      closeSync(fd);
    }
    return true;
  } catch (error) {
    if (nodeErrno(error) === "EEXIST") return false;
    throw asSystemError(`cannot write lease ${path}`, error);
  }
}
