import { EINTR } from "./errno.ts";
import { errno, libc, type NativeFunction, type NativeValue } from "./koffi.ts";

const declared = new Map<string, NativeFunction>();

/**
 * The C function with this prototype, declared on first use: a declaration costs more than a call.
 * Keep prototypes as constants beside their callers.
 */
export function native(prototype: string): NativeFunction {
  let found = declared.get(prototype);
  if (found === undefined) {
    found = libc().func(prototype);
    declared.set(prototype, found);
  }
  return found;
}

/** Calls a C function that returns -1 and sets errno; returns the result, or the negated errno. EINTR is retried. */
export function call(prototype: string, ...args: NativeValue[]): number {
  const run = native(prototype);
  for (;;) {
    const result = run(...args);
    if (result !== -1) return result;
    const number = errno();
    if (number !== EINTR) return -number;
  }
}
