/**
 * `node --expose-internals profile-runner.ts <script> <folder>`: runs the program of an executable, of which the script
 * is the text, and writes where the functions end that were called when it started to a new file in the folder; started
 * by profile.ts.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Script } from "node:vm";
import { koffiAddon } from "./runtime.ts";

const [source, folder] = process.argv.slice(2);
if (source === undefined || folder === undefined)
  throw new Error("usage: profile-runner.ts <script> <folder>");

interface Library {
  func(prototype: string): (...args: readonly unknown[]) => unknown;
}

type Module = { exports: { load?: (path: null) => Library } };

/** _exit would leave no time to write anything. */
function withoutExit(library: Library): Library {
  return {
    func: (prototype) =>
      prototype.includes("_exit") ? (status) => process.exit(Number(status)) : library.func(prototype),
  };
}

let main = (): void => undefined;

/** What is otherwise in this process, which has made itself without a snapshot and has no assets. */
const replaced: Readonly<Record<string, object>> = {
  buffer: { setBufferPrototype: () => undefined },
  mksnapshot: {
    setDeserializeMainFunction(program: () => void) {
      main = program;
    },
  },
  process_methods: {
    dlopen(module: Module, path: string) {
      process.dlopen(module, path);
      const { load } = module.exports;
      if (load !== undefined) module.exports = { ...module.exports, load: (name) => withoutExit(load(name)) };
    },
    reallyExit: (status: number) => process.exit(status),
  },
  sea: { getAsset: () => new Uint8Array(readFileSync(koffiAddon)).buffer },
};

const { internalBinding } = createRequire(import.meta.url)("internal/test/binding");

const program: unknown = new Script(readFileSync(source, "latin1"), {
  filename: "program.js",
}).runInThisContext();
if (typeof program !== "function") throw new Error(`${source} is no program`);
program((name: string) => Object.assign(internalBinding(name), replaced[name]), process);

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
main();
