import { closeSync, fstatSync } from "node:fs";
import { call } from "./libc.ts";

// asm-generic/unistd.h: the same numbers on all architectures.
const SYS_io_uring_setup = 425;
const SYS_io_uring_register = 427;
const SYS_pidfd_getfd = 438;
const setup = "long syscall(long number, unsigned int entries, void *params)";
const register = "long syscall(long number, int fd, unsigned int opcode, void *argument, unsigned int count)";
const getfd = "long syscall(long number, int pidfd, int fd, unsigned int flags)";

// linux/io_uring.h: the opcode, and the size of struct io_uring_params.
const IORING_REGISTER_FILES = 2;
const paramsLength = 120;

/** Sockets of children, of which so many are kept: one by one each would cost more. */
let taken: number[] = [];
const mostTaken = 32;

/** What this process itself uses to its end. */
const own: number[] = [];

/** The file is to be closed when this process ends, without it or anybody else waiting for that. */
export function closeAtExit(fd: number): void {
  own.push(fd);
}

/**
 * Has the sockets of a child closed like that: it ends without waiting for their end. Where that cannot be done (Linux
 * before 5.6, or another user's process) it waits itself.
 *
 * @param pidfd the child: see pidfd_open(2).
 */
export function takeSockets(pidfd: number): void {
  for (let theirs = 3; ; theirs++) {
    const fd = call(getfd, SYS_pidfd_getfd, pidfd, theirs, 0);
    if (fd < 0) break;
    // Another file may be locked, and has to be closed when the child closes it.
    if (fstatSync(fd).isSocket()) taken.push(fd);
    else closeSync(fd);
  }
  if (taken.length < mostTaken) return;
  closeInBackground(taken);
  taken = [];
}

/** For the end of the process. */
export function closeAllInBackground(): void {
  closeInBackground([...taken, ...own]);
}

/**
 * Leaves files to a thread of the kernel. To close a socket of nf_tables takes an RCU grace period, 10 to 20 ms, where
 * something was removed shortly before, by whomever (nft_rcv_nl_event in net/netfilter/nf_tables_api.c): too much at the
 * end of each call. The files of an io_uring are closed in the background after it has been closed (io_ring_exit_work);
 * nothing else is done by this one. Where there can be none, this process waits.
 */
function closeInBackground(fds: readonly number[]): void {
  if (fds.length === 0) return;
  const ring = call(setup, SYS_io_uring_setup, 1, new Uint8Array(paramsLength));
  if (ring >= 0) {
    const list = new DataView(new ArrayBuffer(4 * fds.length));
    for (const [index, fd] of fds.entries()) list.setInt32(4 * index, fd, true);
    call(
      register,
      SYS_io_uring_register,
      ring,
      IORING_REGISTER_FILES,
      new Uint8Array(list.buffer),
      fds.length,
    );
  }
  for (const fd of fds) closeSync(fd);
  if (ring >= 0) closeSync(ring);
}
