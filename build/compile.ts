import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { v8Flags } from "./runtime.ts";

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
 * Compiles the text in the file `source` and writes V8's code cache of it to `cache`. A process of its own does it:
 * V8 takes a code cache only from the same version with the same flags, so it is the executable's Node with its flags,
 * and neither another Node nor a NODE_OPTIONS of whoever runs the build may have a part in it.
 */
export function writeCodeCache(node: string, source: string, cache: string): void {
  const worker = join(import.meta.dirname, "compile-worker.ts");
  const run = spawnSync(node, [...v8Flags, worker, source, cache], { env: {}, encoding: "utf8" });
  if (run.status !== 0) throw new Error(`compiling ${source} failed: ${run.error?.message ?? run.stderr}`);
  if (readFileSync(cache).length === 0) throw new Error(`compiling ${source} gave an empty code cache`);
}
