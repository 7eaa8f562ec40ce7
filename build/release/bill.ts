import { createHash } from "node:crypto";
import type { Component } from "./components.ts";

/** A bill of materials: what an archive has, whatever the format. */
export interface Bill {
  /** Of the archive. */
  readonly name: string;
  readonly version: string;
  /** RFC 3339, UTC. */
  readonly created: string;
  readonly components: readonly Component[];
  /** The executables. */
  readonly files: readonly BilledFile[];
}

interface BilledFile {
  readonly name: string;
  /** In hex. */
  readonly sha1: string;
  readonly sha256: string;
}

export function billedFile(name: string, bytes: Buffer): BilledFile {
  const hash = (algorithm: string): string => createHash(algorithm).update(bytes).digest("hex");
  return { name, sha1: hash("sha1"), sha256: hash("sha256") };
}
