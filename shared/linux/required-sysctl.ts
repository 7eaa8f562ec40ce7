import { Failure } from "../errors/failure.ts";
import { isErrno, SystemError } from "../errors/system-error.ts";
import { ensureSysctl } from "./sysctl.ts";

/** True when /proc/sys cannot be written, even by root: in containers it is often mounted read-only. */
export function isUnwritable(error: unknown): error is SystemError {
  return error instanceof SystemError && isErrno(error, "EROFS", "EACCES", "EPERM");
}

/**
 * Sets a required kernel parameter, unless it has the value. Where /proc/sys cannot be written, the error names the key
 * to preset.
 *
 * @param otherwise other advice, as a part of a sentence.
 * @throws SystemError, Failure
 */
export function requireSysctl(path: string, value: string, otherwise = ""): void {
  try {
    ensureSysctl(path, value);
  } catch (error) {
    throw isUnwritable(error) ? withPreset(error, path, value, otherwise) : error;
  }
}

function withPreset(cause: SystemError, path: string, value: string, otherwise: string): Failure {
  const advice = `/proc/sys cannot be written here: preset the key where it can, with "sysctl -w ${path}=${value}"`;
  return new Failure(cause.kind, cause.message, {
    advice: `${advice}${otherwise === "" ? "" : `, or ${otherwise}`}`,
    cause,
  });
}
