/** Node's os, as far as plugins use it: https://nodejs.org/api/os.html. */
import type { ErrorNumbers } from "./bindings.ts";

/** Only these two, made when they are asked for: errors are told with them. */
export const constants = {
  get errno(): ErrorNumbers {
    return internalBinding("constants").os.errno;
  },
  get signals(): Readonly<Record<string, number>> {
    return internalBinding("constants").os.signals;
  },
};
