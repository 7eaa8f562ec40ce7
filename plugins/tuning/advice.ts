import { asCniError } from "../../shared/cni/errors/as-cni-error.ts";
import { CniError } from "../../shared/cni/errors/cni-error.ts";
import { SystemError } from "../../shared/errors/system-error.ts";

/**
 * The error of a change that the kernel refused, with advice of this plugin; any other error as it is. The kernel gives
 * the same errno for different mistakes, so only the caller knows what to advise.
 */
export function withAdvice(error: unknown, advice: (error: SystemError, known: CniError) => string): unknown {
  const known = asCniError(error);
  if (!(error instanceof SystemError) || known === undefined) return error;
  return new CniError(known.code, known.message, advice(error, known), { cause: error });
}
