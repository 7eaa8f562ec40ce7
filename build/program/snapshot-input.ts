import { readFileSync } from "node:fs";
import { join } from "node:path";
import { guards } from "../node/guards.ts";
import type { SnapshotInput } from "../node/snapshot-scripts.ts";
import { type ColdFunctions, parseColdFunctions } from "./cold-functions.ts";
import { functionsOf, warmFunctions } from "./functions.ts";
import { asFunction, placesIn, type Script } from "./script.ts";

/** A plugin's functions that usual calls do not call: see cold-functions.ts. Written by profile.ts. */
export function coldFunctionsFile(plugin: string): string {
  return join(import.meta.dirname, "cold-functions", `${plugin}.txt`);
}

/** A plugin's functions that usual calls do not call. */
export function coldFunctions(plugin: string): ColdFunctions {
  return parseColdFunctions(readFileSync(coldFunctionsFile(plugin), "utf8"));
}

/**
 * What a snapshot of a program is made from. V8 compiles all of its functions beforehand but the cold ones: it reads
 * the whole snapshot in each start.
 */
export function snapshotInput(bundle: Script, cold?: ColdFunctions | "all"): SnapshotInput {
  const program = asFunction(bundle);
  const placeOf = placesIn(program);
  const warmOnes = cold === "all" ? [] : warmFunctions(functionsOf(bundle), cold);
  const warm = warmOnes.map(({ inside }) => {
    const { line, column } = placeOf(inside);
    return { lineNumber: line, columnNumber: column };
  });
  return { program, warm, guards, frames: 0 };
}
