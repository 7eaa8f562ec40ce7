/**
 * What a plugin's executable has in place of the scripts with which Node sets itself up. Node runs them when the
 * executable is built: they evaluate the program's modules, and V8 writes what is then in its memory to a snapshot,
 * from which every start goes on. Node's own scripts would fill it with three times as much, all of it for a library of
 * which plugins use little; shared/runtime is what they use.
 *
 * The functions travel as text, so nothing outside of them may be used within: free-names.ts looks after that.
 */

/** What the native code of Node offers to its scripts, as far as these use it. Node's src/ has it. */
interface Natives {
  builtins: {
    setInternalLoaders(internalBinding: (name: keyof Natives) => unknown, require: () => never): void;
  };
  errors: {
    setPrepareStackTraceCallback(
      format: (global: object, error: Error, calls: readonly object[]) => string,
    ): void;
  };
  inspector: { Connection: new (receive: (message: string) => void) => Connection };
}

/** Gives native code by its name. */
type Loader = <Name extends keyof Natives>(name: Name) => Natives[Name];

/** To V8's debugger; https://chromedevtools.github.io/devtools-protocol/v8/Debugger has what it understands. */
interface Connection {
  dispatch(message: string): void;
  disconnect(): void;
}

/** A program on its way into a snapshot. */
export interface SnapshotInput {
  /** The text of a function of `internalBinding` and `nodeProcess`. */
  readonly program: string;
  /** Places in it, a line and a column each, in functions that V8 is to compile beforehand. */
  readonly warm: readonly { readonly lineNumber: number; readonly columnNumber: number }[];
  /** The text of a function that evaluates it: see guards.ts. */
  readonly guards: string;
  /** How many calls a failure tells of: 0 for a snapshot that is kept. */
  readonly frames: number;
}

/** `internal/per_context/primordials`: native code wants these four to be there. */
function setUpContext(primordials: Record<string, unknown>): void {
  Object.assign(primordials, { SafeMap: Map, SafeSet: Set, SafeWeakMap: WeakMap, SafeWeakSet: WeakSet });
}

/** `internal/bootstrap/realm`: native code with state, or with guards, must be loaded once only. */
function setUpLoader(load: Loader): void {
  const once = ["buffer", "credentials", "fs", "mksnapshot", "process_methods", "sea"];
  const loaded = new Map<string, unknown>();
  const internalBinding = (name: keyof Natives): unknown => {
    if (!once.includes(name)) return load(name);
    if (!loaded.has(name)) loaded.set(name, load(name));
    return loaded.get(name);
  };
  load("builtins").setInternalLoaders(internalBinding, () => {
    throw new Error("Node's modules are not in this executable");
  });
}

/** `internal/main/mksnapshot`: gives Node the function that it then calls with a snapshot's input as JSON. */
function prepareSnapshot(process: object, internalBinding: Loader): readonly unknown[] {
  // What the debugger has put there cannot be written to a snapshot.
  for (const name of Reflect.ownKeys(console)) Reflect.deleteProperty(console, name);
  Reflect.deleteProperty(globalThis, "console");
  // koffi asks whether it has `isBun`.
  Reflect.set(globalThis, "process", process);
  internalBinding("errors").setPrepareStackTraceCallback((_global, error, calls) =>
    [String(error), ...calls.map((call) => `    at ${call}`)].join("\n"),
  );
  const evaluate = (json: string): void => {
    const { program, warm, guards, frames }: SnapshotInput = JSON.parse(json);
    let scriptId = "";
    let refusal = "";
    const { Connection } = internalBinding("inspector");
    const debug = new Connection((message) => {
      const { method, params, error } = JSON.parse(message);
      if (method === "Debugger.scriptParsed" && params.url === "program.js") scriptId = params.scriptId;
      if (error !== undefined) refusal = error.message;
    });
    // It has answered when `dispatch` returns; what its answer's receiver throws would be lost.
    const ask = (method: string, params: object): void => {
      debug.dispatch(JSON.stringify({ id: 1, method, params }));
      if (refusal !== "") throw new Error(`${method}: ${refusal}`);
    };
    const { eval: evaluateInGlobalScope } = globalThis;
    const run = (): void =>
      evaluateInGlobalScope(`${program}\n//# sourceURL=program.js`)(internalBinding, process);
    evaluateInGlobalScope(guards)(run, internalBinding, process, frames);
    ask("Debugger.enable", {});
    for (const { lineNumber, columnNumber } of warm) {
      // V8 compiles a function, and those around it, when a debugger asks where it could break.
      const start = { scriptId, lineNumber, columnNumber };
      const end = { scriptId, lineNumber, columnNumber: columnNumber + 1 };
      ask("Debugger.getPossibleBreakpoints", { start, end, restrictToFunction: true });
    }
    ask("Debugger.disable", {});
    debug.disconnect();
  };
  return [process, () => undefined, evaluate];
}

/** Node's scripts by name, with what comes in place of each. */
export const snapshotScripts: Readonly<Record<string, string>> = {
  "internal/per_context/primordials": `(${setUpContext})(primordials)`,
  "internal/per_context/domexception": "",
  "internal/per_context/messageport": "",
  "internal/bootstrap/realm": `(${setUpLoader})(getInternalBinding)`,
  "internal/bootstrap/node": "",
  "internal/bootstrap/web/exposed-wildcard": "",
  "internal/bootstrap/web/exposed-window-or-worker": "",
  "internal/bootstrap/switches/is_main_thread": "",
  "internal/bootstrap/switches/does_own_process_state": "",
  "internal/main/mksnapshot": `return (${prepareSnapshot})(process, internalBinding)`,
};
