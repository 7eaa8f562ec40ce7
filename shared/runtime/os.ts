import type { ErrorNumbers } from "./bindings.ts";

/** https://nodejs.org/api/os.html#os-constants, made when first asked for: only errors are told with them. */
export const constants = {
  get errno(): ErrorNumbers {
    return internalBinding("constants").os.errno;
  },
  get signals(): Readonly<Record<string, number>> {
    return internalBinding("constants").os.signals;
  },
};
