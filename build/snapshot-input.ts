import { readFileSync } from "node:fs";
import { join } from "node:path";
import { warmFunctions } from "./functions.ts";
import type { SnapshotInput } from "./node/snapshot-scripts.ts";

/** A plugin's functions that usual calls do not call: the hash of each, a line each. Written by profile.ts. */
export function coldFunctionsFile(plugin: string): string {
  return join(import.meta.dirname, "cold-functions", `${plugin}.txt`);
}

/** Hashes of a plugin's functions that usual calls do not call. */
export function coldFunctions(plugin: string): ReadonlySet<string> {
  return new Set(readFileSync(coldFunctionsFile(plugin), "utf8").trimEnd().split("\n"));
}

/** Makes a bundle a function expression, whose parameters are the free names that the bundle may use. */
export function asFunction(bundle: string): string {
  return `(function (internalBinding, nodeProcess) {${bundle}\n})`;
}

/**
 * What a snapshot of a program is made from. V8 compiles all of its functions beforehand but the cold ones: it reads
 * the whole snapshot in each start.
 */
export function snapshotInput(bundle: string, cold: ReadonlySet<string> | "all" = new Set()): SnapshotInput {
  const program = asFunction(bundle);
  const lineStarts = [0, ...[...program.matchAll(/\n/g)].map(({ index }) => index + 1)];
  const warmOnes = cold === "all" ? [] : warmFunctions(program, cold);
  const warm = warmOnes.map(({ inside }) => {
    const next = lineStarts.findIndex((start) => start > inside);
    const lineNumber = (next === -1 ? lineStarts.length : next) - 1;
    return { lineNumber, columnNumber: inside - (lineStarts[lineNumber] ?? 0) };
  });
  return { program, warm };
}
