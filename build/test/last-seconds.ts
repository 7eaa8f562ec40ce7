import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { cacheFile } from "./cache-file.ts";

/** How long each test file took when it was last run. */
const file = cacheFile("test-seconds.json");

/** Seconds by the file's path from the repository's root; empty when nothing is known. */
export function readLastSeconds(): Map<string, number> {
  try {
    const entries: unknown = JSON.parse(readFileSync(file, "utf8"));
    return new Map(Array.isArray(entries) ? entries.filter(isEntry) : []);
  } catch {
    return new Map();
  }
}

/** Keeps what is new, and what is known of other files. Where nothing can be written, nothing is kept. */
export function keepSeconds(seconds: ReadonlyMap<string, number>): void {
  const all = new Map([...readLastSeconds(), ...seconds]);
  const unfinished = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(unfinished, `${JSON.stringify([...all].sort(), undefined, 1)}\n`);
    renameSync(unfinished, file);
  } catch {}
}

function isEntry(value: unknown): value is [string, number] {
  return Array.isArray(value) && typeof value[0] === "string" && typeof value[1] === "number";
}
