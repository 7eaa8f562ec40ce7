import { SystemError } from "../errors/system-error.ts";
import { call } from "./libc.ts";

const getrandom = "ssize_t getrandom(void *buffer, size_t length, unsigned int flags)";

/** Whole numbers below 2 ** 30 that nobody can guess, from one call of the kernel. Throws SystemError. */
export function unguessableNumbers(count: number): number[] {
  const numbers = new Uint32Array(count);
  const bytes = new Uint8Array(numbers.buffer);
  const outcome = call(getrandom, bytes, bytes.length, 0);
  if (outcome !== bytes.length) throw new SystemError("cannot get random numbers", outcome);
  return Array.from(numbers, (number) => number >>> 2);
}
