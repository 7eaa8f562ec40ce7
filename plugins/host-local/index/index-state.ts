import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { fnv1a } from "../../../shared/basics/fnv1a.ts";
import { type BootToken, isBootToken } from "./boot.ts";
import type { DirectoryVersion } from "./directory-version.ts";

/** How many addresses of a range set are held. */
export interface HeldSet {
  /** See `rangeSetKey`. */
  readonly key: string;
  readonly held: number;
  /** The oldest lease, if a message had to name it. */
  readonly oldest?: OldestLease;
}

export interface OldestLease {
  readonly name: string;
  /** ISO 8601, for messages. */
  readonly since: string;
}

/** What is known of a network's directory while it has version `mark`, in this boot. */
export interface IndexState {
  readonly mark: DirectoryVersion;
  /** The version of the directory of the records: somebody may remove some. */
  readonly owners: DirectoryVersion;
  readonly bootId: string;
  readonly boot: BootToken;
  /** The number of leases of an earlier boot of this machine. */
  readonly earlier: number;
  /** The uptime of the last search for such leases that found none; 0 for never. */
  readonly searched: number;
  /** The one used last is the last. */
  readonly sets: readonly HeldSet[];
}

/** One page: a process that is killed has written it whole or not at all. */
const textLimit = 4096;

/** A line of checksum and JSON. Sets that are not used, or do not fit, are dropped: they are counted again. */
export function formatState(state: IndexState): string {
  for (let dropped = 0; ; dropped++) {
    const json = JSON.stringify({ ...state, sets: state.sets.slice(dropped) });
    const text = `${checksum(json)} ${json}\n`;
    if (text.length <= textLimit || dropped === state.sets.length) return text;
  }
}

/**
 * The state in the first line of a text; a longer predecessor may have left more behind it. Undefined for other texts.
 */
export function parseState(text: string): IndexState | undefined {
  const [line = ""] = text.split("\n", 1);
  const json = line.slice(9);
  if (line.slice(0, 8) !== checksum(json)) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    return isState(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The state in a file; undefined when it cannot be read. */
export function readState(path: string): IndexState | undefined {
  try {
    return parseState(readFileSync(path, "latin1"));
  } catch {
    return undefined;
  }
}

/** Writes in place, which takes no new block and no journal. Throws node:fs's errors. */
export function writeState(path: string, state: IndexState): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    writeSync(fd, formatState(state), 0, "latin1");
  } finally {
    closeSync(fd);
  }
}

/** The checksum by which a reader without the lock notices a write that is under way. */
function checksum(text: string): string {
  return fnv1a(Buffer.from(text, "latin1"));
}

function isState(value: unknown): value is IndexState {
  return (
    isObject(value) &&
    isVersion(value["mark"]) &&
    isVersion(value["owners"]) &&
    typeof value["bootId"] === "string" &&
    typeof value["boot"] === "string" &&
    isBootToken(value["boot"]) &&
    typeof value["earlier"] === "number" &&
    typeof value["searched"] === "number" &&
    Array.isArray(value["sets"]) &&
    value["sets"].every(isHeldSet)
  );
}

function isVersion(value: unknown): value is DirectoryVersion {
  return isObject(value) && ["inode", "modified", "changed"].every((key) => typeof value[key] === "string");
}

function isHeldSet(value: unknown): value is HeldSet {
  if (!isObject(value) || typeof value["key"] !== "string" || typeof value["held"] !== "number") return false;
  const { oldest } = value;
  if (oldest === undefined) return true;
  return isObject(oldest) && typeof oldest["name"] === "string" && typeof oldest["since"] === "string";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
