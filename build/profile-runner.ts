/**
 * `node profile-runner.ts <script> <folder>`: runs the program of an executable, of which the script is the text, and
 * writes where the functions end that were called to a new file in the folder; started by profile.ts.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector";
import { join } from "node:path";
import { Script } from "node:vm";
import { koffiAddon } from "./runtime.ts";

const [source, folder] = process.argv.slice(2);
if (source === undefined || folder === undefined)
  throw new Error("usage: profile-runner.ts <script> <folder>");

const session = new Session();
session.connect();
session.post("Profiler.enable");
session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
process.on("exit", () => {
  session.post("Profiler.takePreciseCoverage", (error, { result }) => {
    if (error !== null) throw error;
    const functions = result.filter(({ url }) => url === "program.js").flatMap((script) => script.functions);
    const called = functions.flatMap(({ ranges: [range] }) => (range?.count ? [range.endOffset] : []));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${process.pid}-${Date.now()}.json`), JSON.stringify(called));
  });
});

// In an executable the addon is an asset; and _exit would leave no time to write anything.
const { dlopen } = process;
process.dlopen = (module: { exports: { load?: (path: null) => Library } }) => {
  dlopen(module, koffiAddon);
  const { load } = module.exports;
  if (load === undefined) return;
  module.exports = { ...module.exports, load: (path) => withoutExit(load(path)) };
};

interface Library {
  func(prototype: string): (...args: readonly unknown[]) => unknown;
}

function withoutExit(library: Library): Library {
  return {
    func: (prototype) =>
      prototype.includes("_exit") ? (status) => process.exit(Number(status)) : library.func(prototype),
  };
}

const program: unknown = new Script(readFileSync(source, "latin1"), {
  filename: "program.js",
}).runInThisContext();
if (typeof program !== "function") throw new Error(`${source} is no program`);
program(process.getBuiltinModule, false);
