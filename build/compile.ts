import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { UsualCommand } from "../shared/linux/code-cache.ts";
import { warmFunctions } from "./functions.ts";
import { v8Flags } from "./runtime.ts";

/**
 * A plugin's functions that not every usual command calls, a line each: the function's hash and the commands that call
 * it. Written by profile.ts.
 */
export function coldFunctionsFile(plugin: string): string {
  return join(import.meta.dirname, "cold-functions", `${plugin}.txt`);
}

/** Hashes of a plugin's functions that a usual call of a command does not call, or without one none of them. */
export function coldFunctions(plugin: string, command?: UsualCommand): ReadonlySet<string> {
  const lines = readFileSync(coldFunctionsFile(plugin), "utf8").trimEnd().split("\n");
  const functions = lines.map((line) => line.split(" "));
  const cold = functions.filter(([, ...callers]) =>
    command === undefined ? callers.length === 0 : !callers.includes(command),
  );
  return new Set(cold.map(([hash = ""]) => hash));
}

/** What the compiled text evaluates to. `codeCacheRejected` is there for a test of the packaging. */
export type Program = (require: (id: string) => unknown, codeCacheRejected: boolean) => void;

/** Makes a CommonJS bundle a function expression, whose parameters are the free names that the bundle may use. */
export function asFunction(bundle: string): string {
  return `(function (require, codeCacheRejected, CNI_SHARED) {${bundle}\n})`;
}

/** The same for a plugin within a program: see shared/cni/built-in.ts. */
export function asBuiltIn(bundle: string): string {
  return `(function (require, shared, give) {${bundle}\n})`;
}

/**
 * Compiles the text in the file `source` and writes V8's code cache of it to `cache`: of all functions but the cold
 * ones, since V8 reads the whole cache in each start. A process of its own does it: V8 takes a code cache only from the
 * same version with the same flags, so it is the executable's Node with its flags, and neither another Node nor a
 * NODE_OPTIONS of whoever runs the build may have a part in it.
 */
export function writeCodeCache(
  node: string,
  source: string,
  cache: string,
  cold: ReadonlySet<string> = new Set(),
): void {
  const worker = join(import.meta.dirname, "compile-worker.ts");
  const places = `${cache}.places`;
  const warm = warmFunctions(readFileSync(source, "latin1"), cold);
  writeFileSync(places, JSON.stringify(warm.map(({ inside }) => inside)));
  const args = [...v8Flags, worker, source, cache, places];
  const run = spawnSync(node, args, { env: {}, encoding: "utf8" });
  if (run.status !== 0) throw new Error(`compiling ${source} failed: ${run.error?.message ?? run.stderr}`);
  if (readFileSync(cache).length === 0) throw new Error(`compiling ${source} gave an empty code cache`);
}
