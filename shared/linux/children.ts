import { closeSync } from "node:fs";
import { takeSockets } from "./background-close.ts";
import { call } from "./libc.ts";

const waitpid = "int waitpid(int pid, void *status, int options)";
const poll = "int poll(void *fds, unsigned long count, int timeout)";
const kill = "int kill(int pid, int signal)";
const pidfdOpen = "long syscall(long number, int pid, unsigned int flags)";

// sys/wait.h, poll.h, signal.h; asm-generic/unistd.h, where the number is the same on all architectures.
const WNOHANG = 1;
const POLLIN = 1;
const SIGKILL = 9;
const SYS_pidfd_open = 434;

/** How long a program may take to end once its work is done. */
const patienceMilliseconds = 5_000;

/** PIDs of programs that are at work. */
const working = new Set<number>();

/** PIDs of programs that have done their work; they are reaped later, so that they do not stay zombies. */
let left: readonly number[] = [];

/** Notes that a program was started. */
export function childStarted(pid: number): void {
  working.add(pid);
  left = left.filter((other) => call(waitpid, other, null, WNOHANG) === 0);
}

/** Waits for a program's end. Returns the status of waitpid(2), or a negative errno. */
export function waitForChild(pid: number): number {
  working.delete(pid);
  const status = new DataView(new ArrayBuffer(4));
  const outcome = call(waitpid, pid, new Uint8Array(status.buffer), 0);
  return outcome < 0 ? outcome : status.getInt32(0, true);
}

/** A program has done what it was for and will end now. It need not wait for the end of its sockets. */
export function childLeft(pid: number): void {
  working.delete(pid);
  left = [...left, pid];
  withPidfd(pid, takeSockets);
}

/**
 * Waits until all programs have ended: where nobody else does so (the first process of many a container) they would stay
 * in the process table for ever. Those that nobody has got round to using are killed, and those that do not end in time.
 */
export function endChildren(): void {
  for (const pid of working) call(kill, pid, SIGKILL);
  const late = left.filter((pid) => call(waitpid, pid, null, WNOHANG) === 0);
  for (const pid of late) withPidfd(pid, (pidfd) => killIfLate(pid, pidfd));
  for (const pid of [...working, ...late]) call(waitpid, pid, null, 0);
}

/** On a Linux before 5.3 it is not looked at. */
function withPidfd(pid: number, work: (pidfd: number) => void): void {
  const pidfd = call(pidfdOpen, SYS_pidfd_open, pid, 0);
  if (pidfd < 0) return;
  try {
    work(pidfd);
  } finally {
    closeSync(pidfd);
  }
}

function killIfLate(pid: number, pidfd: number): void {
  if (!isReadable(pidfd, patienceMilliseconds)) call(kill, pid, SIGKILL);
}

/** Whether a file can be read, or a pidfd's process has ended, in this time. */
export function isReadable(fd: number, timeoutMilliseconds: number): boolean {
  // struct pollfd
  const watched = new DataView(new ArrayBuffer(8));
  watched.setInt32(0, fd, true);
  watched.setInt16(4, POLLIN, true);
  return call(poll, new Uint8Array(watched.buffer), 1, timeoutMilliseconds) !== 0;
}
