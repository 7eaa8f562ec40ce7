import { nodeErrno, SystemError } from "../errors/system-error.ts";

const usualAdvice: Readonly<Record<string, string>> = {
  EROFS: "mount the file system writable, or choose another directory",
  EDQUOT: "the quota of this user or directory is used up",
  EIO: "the disk or its file system is damaged",
};

/**
 * Does what node:fs does.
 *
 * @param advice what helps where the errno alone does not tell.
 * @throws SystemError of kind `unusable`, with advice, in place of node:fs's errors.
 */
export function attempt<T>(operation: string, advice: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const errno = nodeErrno(error);
    if (errno === undefined) throw error;
    throw unusable(operation, errno, advice, error);
  }
}

/** Throws such an error when a C function returned a negated errno. */
export function requireDone(operation: string, advice: string, outcome: number): void {
  if (outcome < 0) throw unusable(operation, outcome, advice);
}

function unusable(operation: string, errno: number | string, advice: string, cause?: unknown): SystemError {
  const { errno: name } = new SystemError(operation, errno);
  const better = name === "EACCES" || name === "EPERM" ? permissionAdvice() : usualAdvice[name];
  return new SystemError(operation, errno, "", { kind: "unusable", advice: better ?? advice, cause });
}

function permissionAdvice(): string {
  return process.geteuid?.() === 0
    ? "an immutable file (chattr), a security module (AppArmor, SELinux) or a mount's options may forbid it"
    : "run it as root, or as the owner of the directory";
}
