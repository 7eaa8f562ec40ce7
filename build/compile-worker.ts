/**
 * Writes the code cache of a script: `node compile-worker.ts <script> <cache> <places>`; started by compile.ts. Besides
 * its outermost function it has those in which one of the places is, a list of offsets in JSON.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector";
import { Script } from "node:vm";

const [source, cache, places] = process.argv.slice(2);
if (source === undefined || cache === undefined || places === undefined) {
  throw new Error("usage: compile-worker.ts <script> <cache> <places>");
}

const text = readFileSync(source, "latin1");
const lineStarts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
const session = new Session();
session.connect();
let scriptId: string | undefined;
session.on("Debugger.scriptParsed", ({ params }) => {
  if (params.url === "program.js") scriptId = params.scriptId;
});
session.post("Debugger.enable");
const script = new Script(text, { filename: "program.js" });
// Until then V8 has nothing but an outline of the program's outermost function.
script.runInThisContext();
const offsets: unknown = JSON.parse(readFileSync(places, "utf8"));
if (!Array.isArray(offsets)) throw new Error(`${places} is no list`);
for (const offset of offsets) compileAt(Number(offset));
session.post("Debugger.disable");
session.disconnect();
writeFileSync(cache, script.createCachedData());

/** Has V8 compile the function at an offset and those around it, which a debugger asks for when it looks for breaks. */
function compileAt(offset: number): void {
  if (scriptId === undefined) throw new Error("V8 did not tell of the script");
  const start = { scriptId, ...position(offset) };
  const end = { scriptId, ...position(offset + 1) };
  session.post("Debugger.getPossibleBreakpoints", { start, end, restrictToFunction: true }, (error) => {
    if (error !== null) throw new Error(`offset ${offset}: ${error.message}`);
  });
}

function position(offset: number): { lineNumber: number; columnNumber: number } {
  const next = lineStarts.findIndex((start) => start > offset);
  const lineNumber = (next === -1 ? lineStarts.length : next) - 1;
  return { lineNumber, columnNumber: offset - (lineStarts[lineNumber] ?? 0) };
}
