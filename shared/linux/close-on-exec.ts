import { readdirSync } from "node:fs";
import { lazy } from "../basics/lazy.ts";
import { call } from "./libc.ts";

// asm-generic/unistd.h: the same number on all architectures. glibc has a function for it since 2.34 only.
const SYS_close_range = 436;
const closeRange = "long syscall(long number, unsigned int first, unsigned int last, unsigned int flags)";
// linux/close_range.h, fcntl.h
const CLOSE_RANGE_CLOEXEC = 4;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const fcntl = "int fcntl(int fd, int command, int argument)";

const firstFd = 3;
const lastFd = 0xffff_ffff;

/**
 * Has no program that this process starts inherit the files that this process has inherited itself, whatever their
 * numbers: Node marks only those with small ones. All that is opened here is marked when it is opened, so once is enough.
 */
export const keepInheritedFiles = lazy((): true => {
  // Linux 5.11 and later.
  if (call(closeRange, SYS_close_range, firstFd, lastFd, CLOSE_RANGE_CLOEXEC) < 0) markOneByOne();
  return true;
});

/** Clears close-on-exec, for files that stay open across execve(2). */
export function handOn(fds: readonly number[]): void {
  for (const fd of fds) call(fcntl, fd, F_SETFD, 0);
}

function markOneByOne(): void {
  for (const fd of openFiles()) if (fd >= firstFd) call(fcntl, fd, F_SETFD, FD_CLOEXEC);
}

function openFiles(): number[] {
  try {
    return readdirSync("/proc/self/fd").map(Number);
  } catch {
    return [];
  }
}
