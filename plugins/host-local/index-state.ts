import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { fnv1a } from "../../shared/basics/fnv1a.ts";
import { type BootToken, isBootToken } from "./boot.ts";
import type { DirectoryMark } from "./directory-mark.ts";

/** How many addresses of a range set are held. */
export interface HeldSet {
  /** See `setKey`. */
  readonly key: string;
  readonly held: number;
  /** The lease that is there longest, once somebody had to know. */
  readonly oldest?: OldestLease;
}

export interface OldestLease {
  readonly name: string;
  /** ISO 8601; for people only. */
  readonly since: string;
}

/** What is known of a network's directory as long as it is as `mark` says, in this boot. */
export interface IndexState {
  readonly mark: DirectoryMark;
  /** That of the directory of the records, lest somebody removed some. */
  readonly owners: DirectoryMark;
  readonly bootId: string;
  readonly boot: BootToken;
  /** How many leases are of an earlier boot of this machine. */
  readonly earlier: number;
  /** The uptime when such leases were looked for in vain; 0 for never. */
  readonly searched: number;
  /** The one used last is the last. */
  readonly sets: readonly HeldSet[];
}

/** One page: a process that is killed has written all of it or nothing. */
const textLimit = 4096;

/** A line of checksum and JSON. Sets that are not used, or do not fit, are dropped: they are counted again. */
export function formatState(state: IndexState): string {
  for (let dropped = 0; ; dropped++) {
    const json = JSON.stringify({ ...state, sets: state.sets.slice(dropped) });
    const text = `${checksum(json)} ${json}\n`;
    if (text.length <= textLimit || dropped === state.sets.length) return text;
  }
}

/** Reads the first line; what a longer predecessor left behind it does not matter. Undefined for anything else. */
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

/** Undefined when there is none that can be read. */
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

/** For a reader without the lock that comes in the middle of a write. */
function checksum(text: string): string {
  return fnv1a(Buffer.from(text, "latin1"));
}

function isState(value: unknown): value is IndexState {
  return (
    isObject(value) &&
    isMark(value["mark"]) &&
    isMark(value["owners"]) &&
    typeof value["bootId"] === "string" &&
    typeof value["boot"] === "string" &&
    isBootToken(value["boot"]) &&
    typeof value["earlier"] === "number" &&
    typeof value["searched"] === "number" &&
    Array.isArray(value["sets"]) &&
    value["sets"].every(isHeldSet)
  );
}

function isMark(value: unknown): value is DirectoryMark {
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
