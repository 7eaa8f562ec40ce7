import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Attachment } from "../../../shared/cni/attachments.ts";
import { nodeErrno } from "../../../shared/errors/system-error.ts";
import { makeDirectory } from "../../../shared/linux/make-directory.ts";
import type { LeaseFile } from "../leases/directory.ts";
import { type BootToken, isEarlierBoot } from "./boot.ts";
import {
  fileIdentity,
  parseRecord,
  type RecordedLease,
  readOwnerRecord,
  recordName,
  recordNameOf,
  writeOwnerRecord,
} from "./owner-record.ts";

/**
 * The records of a network, one for each attachment: its leases, and the boot in which each was first seen. To find the
 * leases of one attachment without them, all lease files have to be read.
 *
 * Every function throws node:fs's errors; the records are not complete then.
 */
export class OwnerIndex {
  readonly #directory: string;
  readonly #leases: string;

  /**
   * @param directory of the records, <side directory>/owners
   * @param leases the network's directory
   */
  constructor(directory: string, leases: string) {
    this.#directory = directory;
    this.#leases = leases;
  }

  /** The leases of an attachment; undefined when its record has no room for them. */
  lookUp(owner: Attachment): readonly RecordedLease[] | undefined {
    const name = recordName(owner);
    if (name === undefined) return undefined;
    const text = readOwnerRecord(this.#directory, name);
    return text === "" ? [] : parseRecord(text);
  }

  /** Adds a lease of this boot to its attachment's record. */
  add(owner: Attachment, lease: string, boot: BootToken): void {
    const name = recordName(owner);
    if (name === undefined) return;
    const others = this.#read(name).filter((other) => other.name !== lease);
    const added = { name: lease, file: fileIdentity(join(this.#leases, lease)), boot };
    writeOwnerRecord(this.#directory, name, [...others, added]);
  }

  /** Removes a lease from its attachment's record, and returns the entry; undefined when it had none. */
  remove(file: LeaseFile): RecordedLease | undefined {
    const name = recordNameOf(file.lease);
    if (name === undefined) return undefined;
    const leases = this.#read(name);
    const removed = leases.find((lease) => lease.name === file.name);
    if (removed === undefined) return undefined;
    const left = leases.filter((lease) => lease !== removed);
    writeOwnerRecord(this.#directory, name, left);
    return removed;
  }

  /**
   * Makes the records agree with the lease files. Leases that have a record keep their boot, all others get this one.
   *
   * @returns how many leases are of an earlier boot.
   */
  rebuild(files: readonly LeaseFile[], boot: BootToken): number {
    const owners = new Map<string, string[]>();
    for (const file of files) {
      const name = recordNameOf(file.lease);
      if (name === undefined) continue;
      const leases = owners.get(name);
      if (leases === undefined) owners.set(name, [file.name]);
      else leases.push(file.name);
    }
    // Others are not to see who has which address.
    makeDirectory(this.#directory, 0o700);
    const present = new Set(this.#names());
    let earlier = 0;
    for (const [name, leases] of owners) {
      const text = present.has(name) ? readOwnerRecord(this.#directory, name) : "";
      const known = parseRecord(text) ?? [];
      const seen = leases.map((lease) => {
        const file = fileIdentity(join(this.#leases, lease));
        return (
          known.find((entry) => entry.name === lease && entry.file === file) ?? { name: lease, file, boot }
        );
      });
      earlier += seen.filter((lease) => isEarlierBoot(lease.boot, boot)).length;
      writeIfNew(this.#directory, name, seen, known);
    }
    for (const name of present) if (!owners.has(name)) writeOwnerRecord(this.#directory, name, []);
    return earlier;
  }

  /** All leases that have a record. */
  all(): RecordedLease[] {
    return this.#names().flatMap((name) => this.#read(name));
  }

  #read(name: string): readonly RecordedLease[] {
    return parseRecord(readOwnerRecord(this.#directory, name)) ?? [];
  }

  #names(): string[] {
    try {
      return readdirSync(this.#directory);
    } catch (error) {
      if (nodeErrno(error) === "ENOENT") return [];
      throw error;
    }
  }
}

function writeIfNew(
  directory: string,
  name: string,
  leases: readonly RecordedLease[],
  known: readonly RecordedLease[],
): void {
  const same = leases.length === known.length && leases.every((lease) => known.includes(lease));
  if (!same) writeOwnerRecord(directory, name, leases);
}
