/** Writes the code cache of a script: `node compile-worker.ts <script> <cache>`; started by compile.ts. */
import { readFileSync, writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";

const [source, cache] = process.argv.slice(2);
if (source === undefined || cache === undefined) throw new Error("usage: compile-worker.ts <script> <cache>");

// Compiles every function at once instead of each on its first call. The flag is part of what V8 compares before
// it takes a cache, so it goes back to its default before the cache is made.
setFlagsFromString("--no-lazy");
const script = new Script(readFileSync(source, "latin1"), { filename: "program.js" });
setFlagsFromString("--lazy");
writeFileSync(cache, script.createCachedData());
