import { errorText } from "../errors/failure.ts";
import { asCniError } from "./errors/as-cni-error.ts";
import { CniError } from "./errors/cni-error.ts";

/** What to do to take back what has been done so far. */
export class UndoStack {
  readonly #steps: (() => void)[] = [];

  /** Records how the step that has just been done is taken back. */
  push(undo: () => void): void {
    this.#steps.push(undo);
  }

  /** A stack of its own for what is to be taken back when all that was recorded after it is. */
  nested(): UndoStack {
    const inner = new UndoStack();
    this.push(() => {
      const [failure] = inner.run();
      if (failure !== undefined) throw failure;
    });
    return inner;
  }

  /** Takes back all steps, the last one first; goes on after a failure. Returns what failed. */
  run(): unknown[] {
    const failures: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        step();
      } catch (error) {
        failures.push(error);
      }
    }
    return failures;
  }
}

/**
 * Runs `work`; when it throws, takes back the steps that it recorded and throws the first cause on.
 * What could not be taken back is told in the error's details.
 */
export function withUndo<T>(work: (undo: UndoStack) => T): T {
  const undo = new UndoStack();
  try {
    return work(undo);
  } catch (cause) {
    const left = undo.run().map(errorText);
    const known = asCniError(cause);
    if (left.length === 0 || known === undefined) throw cause;
    const details = [known.details, `not undone: ${left.join("; ")}`]
      .filter((part) => part !== "")
      .join("; ");
    throw new CniError(known.code, known.message, details, { cause });
  }
}

/** Runs a step of a clean-up and returns its result; undefined when it failed. */
type Attempt = <T>(step: () => T) => T | undefined;

/**
 * Runs `work`, which cleans up in steps: one that fails keeps none of the others from being tried.
 *
 * @returns what `work` returns.
 * @throws the first failure of a step, when `work` is through.
 */
export function withAttempts<T>(work: (attempt: Attempt) => T): T {
  const failures: unknown[] = [];
  const result = work((step) => {
    try {
      return step();
    } catch (error) {
      failures.push(error);
      return undefined;
    }
  });
  if (failures.length > 0) throw failures[0];
  return result;
}

/**
 * Runs every step, even if one fails: the way DEL and GC clean up.
 *
 * @throws the first failure, after all steps were tried.
 */
export function runAll(steps: readonly (() => void)[]): void {
  withAttempts((attempt) => {
    for (const step of steps) attempt(step);
  });
}
