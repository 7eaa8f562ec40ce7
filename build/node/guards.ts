/**
 * What keeps a program's modules from touching, while they are evaluated for a snapshot, what belongs to the machine and
 * the moment of the build: every start would find it as it was then.
 */

/** Why no snapshot was made of a program. */
export interface SnapshotFailure {
  /** What was thrown. */
  readonly message: string;
  /** The calls that led there, if they were asked for. */
  readonly stack: string;
  /** What was touched first, also where somebody caught what was thrown for it. */
  readonly touched?: { readonly what: string; readonly stack: string };
}

/**
 * Evaluates a program, during which what it must not touch throws. A touch is reading a member, so that no module can
 * keep one of these for later. Nothing of this is left behind: all is as before when it returns. It travels as text,
 * like the functions in snapshot-scripts.ts.
 *
 * @param frames how many calls a failure tells of. More than 0 leaves stacks in errors that modules have made.
 */
function evaluateGuarded(
  evaluate: () => void,
  internalBinding: (name: string) => object,
  process: object,
  frames: number,
): void {
  const { defineProperty, deleteProperty, get, getOwnPropertyDescriptor, ownKeys, set } = Reflect;
  let failure: SnapshotFailure | undefined;
  let touched: SnapshotFailure["touched"];
  const undo: (() => void)[] = [];

  const guard = (target: object, name: string | symbol, what: string): void => {
    const before = getOwnPropertyDescriptor(target, name);
    if (before === undefined) throw new Error(`there is no ${String(name)} to guard`);
    const touch = (): never => {
      const error = new Error(`it touches ${what}`);
      touched ??= { what, stack: error.stack ?? "" };
      throw error;
    };
    const enumerable = before.enumerable === true;
    defineProperty(target, name, { get: touch, set: touch, configurable: true, enumerable });
    undo.push(() => defineProperty(target, name, before));
  };

  /** All functions of native code; `kinds` are those that are of another kind than the others. */
  const guardBinding = (
    binding: string,
    kind: string,
    kinds: Readonly<Record<string, string>> = {},
  ): void => {
    const target = internalBinding(binding);
    for (const name of ownKeys(target).map(String)) {
      if (typeof get(target, name) === "function") guard(target, name, `${kinds[name] ?? kind} (${name})`);
    }
  };

  guard(process, "env", "the environment (process.env)");
  guard(Math, "random", "randomness (Math.random)");
  guard(globalThis, "Date", "the clock (Date)");
  guardBinding("fs", "files");
  guardBinding("sea", "the executable");
  guardBinding("credentials", "the process's user", { safeGetenv: "the environment" });
  guardBinding("process_methods", "the process", {
    patchProcessObject: "the arguments",
    cwd: "files",
    dlopen: "native code",
    hrtime: "the clock",
    hrtimeBigInt: "the clock",
  });
  if (frames > 0) {
    set(Error, "stackTraceLimit", frames);
    undo.push(() => deleteProperty(Error, "stackTraceLimit"));
  }
  try {
    evaluate();
  } catch (error) {
    const stack = error instanceof Error ? error.stack : undefined;
    failure = { message: String(error), stack: stack ?? "" };
  }
  for (const one of undo) one();
  if (touched !== undefined) failure = { message: "", stack: "", ...failure, touched };
  if (failure !== undefined) throw new Error(`no snapshot: ${JSON.stringify(failure)}`);
}

/** The text of the function. */
export const guards = `(${evaluateGuarded})`;

/** The failure in what a process printed that was to make a snapshot. */
export function failureIn(printed: string): SnapshotFailure | undefined {
  const [, json] = /no snapshot: (\{".*\})$/m.exec(printed) ?? [];
  return json === undefined ? undefined : JSON.parse(json);
}
