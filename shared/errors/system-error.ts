import { constants } from "node:os";
import { lazy } from "../basics/lazy.ts";
import { Failure, type FailureKind, type FailureOptions } from "./failure.ts";

/** Kernel header asm-generic/errno-base.h: what calls that succeed come across. */
const frequent: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  3: "ESRCH",
  11: "EAGAIN",
  13: "EACCES",
  16: "EBUSY",
  17: "EEXIST",
  19: "ENODEV",
  20: "ENOTDIR",
  22: "EINVAL",
};

const others = lazy(() => {
  const byNumber = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));
  // EWOULDBLOCK and EAGAIN, EOPNOTSUPP and ENOTSUP are the same numbers on Linux; these are the kernel's names.
  byNumber.set(constants.errno.EAGAIN, "EAGAIN");
  byNumber.set(constants.errno.EOPNOTSUPP, "EOPNOTSUPP");
  byNumber.set(54, "EXFULL");
  return byNumber;
});

/** Kernel headers, errno.h: what each says to a person. */
const meanings: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EADDRNOTAVAIL: "cannot assign requested address",
  EBUSY: "device or resource busy",
  EEXIST: "file exists",
  EINVAL: "invalid argument",
  EISDIR: "is a directory",
  ELOOP: "too many levels of symbolic links",
  ENETUNREACH: "network is unreachable",
  ENOBUFS: "no buffer space available",
  ENODEV: "no such device",
  ENOENT: "no such file or directory",
  ENOMEM: "not enough memory",
  ENOSPC: "no space left on device",
  ENOTDIR: "not a directory",
  EOPNOTSUPP: "operation not supported",
  EPERM: "operation not permitted",
  ERANGE: "numerical result out of range",
  EROFS: "read-only file system",
  EXFULL: "exchange full",
};

/** The symbolic name of an errno, for example "EPERM". */
export function errnoName(errno: number): string {
  return frequent[Math.abs(errno)] ?? others().get(Math.abs(errno)) ?? `errno ${Math.abs(errno)}`;
}

/** The kernel refused an operation. `errno` is the symbolic name; the message names operation, errno and cause. */
export class SystemError extends Failure {
  readonly errno: string;

  /**
   * @param operation what could not be done and to which object, for example `cannot create link "cni0"`.
   * @param errno number (either sign) or symbolic name.
   * @param explanation the kernel's own words (extended ACK), if any.
   * @param options `kind` where it is not `refused`, and advice that is better than the errno's usual one.
   */
  constructor(
    operation: string,
    errno: number | string,
    explanation = "",
    options: FailureOptions & { readonly kind?: FailureKind } = {},
  ) {
    const name = typeof errno === "string" ? errno : errnoName(errno);
    const meaning = meanings[name];
    const cause = [name, meaning].filter((part) => part !== undefined).join(", ");
    const said = explanation === "" ? "" : ` (kernel: ${explanation})`;
    super(options.kind ?? "refused", `${operation}: ${cause}${said}`, options);
    this.name = "SystemError";
    this.errno = name;
  }
}

/** True when the error is a SystemError with one of these errno names. */
export function isErrno(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof SystemError && names.includes(error.errno);
}

/** The symbolic errno of a failure of node:fs or node:child_process; undefined for other values. */
export function nodeErrno(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return error.code;
}

/** Turns a failure of node:fs into a SystemError; other values stay as they are. */
export function asSystemError(operation: string, error: unknown): unknown {
  const errno = nodeErrno(error);
  return errno === undefined ? error : new SystemError(operation, errno, "", { cause: error });
}
