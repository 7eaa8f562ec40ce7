import { readFileSync } from "node:fs";
import { join } from "node:path";
import { warmFunctions } from "./functions.ts";
import { guards } from "./node/guards.ts";
import type { SnapshotInput } from "./node/snapshot-scripts.ts";
import type { Script } from "./source-places.ts";

/** A plugin's functions that usual calls do not call: the hash of each, a line each. Written by profile.ts. */
export function coldFunctionsFile(plugin: string): string {
  return join(import.meta.dirname, "cold-functions", `${plugin}.txt`);
}

/** Hashes of a plugin's functions that usual calls do not call. */
export function coldFunctions(plugin: string): ReadonlySet<string> {
  return new Set(readFileSync(coldFunctionsFile(plugin), "utf8").trimEnd().split("\n"));
}

const head = "(function (internalBinding, nodeProcess) {";

/** Makes a bundle a function expression, whose parameters are the free names that the bundle may use. */
export function asFunction(bundle: string): string {
  return `${head}${bundle}\n})`;
}

/** A place in a function expression as one in its bundle, both from 0 on. */
export function placeInBundle(line: number, column: number): readonly [line: number, column: number] {
  return [line, line === 0 ? column - head.length : column];
}

/**
 * What a snapshot of a program is made from. V8 compiles all of its functions beforehand but the cold ones: it reads
 * the whole snapshot in each start.
 */
export function snapshotInput(
  { text }: Script,
  cold: ReadonlySet<string> | "all" = new Set(),
): SnapshotInput {
  const program = asFunction(text);
  const lineStarts = [0, ...[...program.matchAll(/\n/g)].map(({ index }) => index + 1)];
  const warmOnes = cold === "all" ? [] : warmFunctions(program, cold);
  const warm = warmOnes.map(({ inside }) => {
    const next = lineStarts.findIndex((start) => start > inside);
    const lineNumber = (next === -1 ? lineStarts.length : next) - 1;
    return { lineNumber, columnNumber: inside - (lineStarts[lineNumber] ?? 0) };
  });
  return { program, warm, guards, frames: 0 };
}
