import { readSync } from "node:fs";
import { stampLength } from "./stamp.ts";

/** What an executable of ours tells of itself in a line before its stamp, for whoever will not run a file to know. */
export interface About {
  readonly version: string;
  /** As `--build-info` has it. */
  readonly commit: string;
  /** The plugins that it is: several where the name that it is called by chooses one. */
  readonly plugins: readonly string[];
}

const head = "\ncni-plugins-ts about ";
const longestLine = 4096;

/** The line, without the end that the stamp begins with. Throws when it is too long to be found. */
export function formatAbout(about: About): string {
  const line = `${head}${JSON.stringify(about)}`;
  if (Buffer.byteLength(line) > longestLine) throw new Error("an executable says too much about itself");
  return line;
}

/** What a file of this length tells of itself; undefined when it is no executable of ours. */
export function aboutOf(fd: number, size: number): About | undefined {
  const end = size - stampLength;
  const start = Math.max(0, end - longestLine);
  if (end <= 0) return undefined;
  const bytes = Buffer.alloc(end - start);
  const text = bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, start)).toString("latin1");
  const found = text.lastIndexOf(head);
  return found === -1 ? undefined : parse(text.slice(found + head.length));
}

function parse(text: string): About | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isAbout(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isAbout(value: unknown): value is About {
  return (
    typeof value === "object" &&
    value !== null &&
    "version" in value &&
    typeof value.version === "string" &&
    "commit" in value &&
    typeof value.commit === "string" &&
    "plugins" in value &&
    Array.isArray(value.plugins) &&
    value.plugins.every((name) => typeof name === "string")
  );
}
