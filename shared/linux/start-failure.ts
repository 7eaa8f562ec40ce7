import { errorText, Failure } from "../errors/failure.ts";
import { isErrno } from "../errors/system-error.ts";

/** Errnos for resources that have run out or are busy: execve(2), clone(2), memfd_create(2). */
const passing = ["EAGAIN", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ENOSPC", "ETXTBSY"];

/** True when a program does not exist, or is none for this machine. Any other failure to start it may pass. */
export function isNoProgram(error: unknown): boolean {
  return isErrno(error, "ENOENT", "ENOEXEC");
}

/** The error for a program that exists and could not be started: `busy` when something has run out, else `refused`. */
export function startFailure(file: string, error: unknown): Failure {
  const what = `cannot run ${file}: ${errorText(error).replace(/^cannot run .*?: /, "")}`;
  if (isErrno(error, ...passing)) {
    return new Failure("busy", what, {
      advice:
        "processes, open files or memory have run out: see pids.max and memory.max of the cgroup, ulimit, and fs.file-max",
      cause: error,
    });
  }
  return new Failure("refused", what, {
    advice:
      "the program is there, but this process may not start it: look for seccomp, a security module, or a mount with noexec",
    cause: error,
  });
}
