import { closeSync, fstatSync, readSync, writeSync } from "node:fs";
import { SystemError } from "../errors/system-error.ts";
import { call, native } from "./libc.ts";

// Loading node:child_process costs 2.3 ms, and its fork copies the page tables of the whole Node process: measured
// for one iptables-save, 2.2 ms against 1.1 ms.

/** How a program ended, and what it printed. */
export interface ChildOutcome {
  /** Exit status; null when a signal ended it. */
  readonly status: number | null;
  /** Number of the signal that ended it; null when it exited. */
  readonly signal: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** There when it had said that its work is done: it may still run, and init or a subreaper will wait for it. */
  readonly mayStillRun?: true;
}

export interface ChildOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly input: Uint8Array;
  /** Open files that the program is to hold open as well, as long as it runs. */
  readonly heldFds?: readonly number[];
  /** How the line begins by which the program says that its work is done, with status 0, whatever it does after it. */
  readonly doneLine?: string | undefined;
}

// fcntl.h, sys/mman.h, spawn.h
const O_CLOEXEC = 0o2000000;
const MFD_CLOEXEC = 1;
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
// Larger than glibc's opaque structs on every architecture: 80, 336 and 128 bytes on x86-64.
const opaqueSize = 512;

const prototypes = {
  pipe2: "int pipe2(void *fds, int flags)",
  memfd_create: "int memfd_create(const char *name, unsigned int flags)",
  waitpid: "int waitpid(int pid, void *status, int options)",
  spawn:
    "int posix_spawn(void *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)",
  initActions: "int posix_spawn_file_actions_init(void *actions)",
  destroyActions: "int posix_spawn_file_actions_destroy(void *actions)",
  addDup2: "int posix_spawn_file_actions_adddup2(void *actions, int fd, int target)",
  initAttributes: "int posix_spawnattr_init(void *attributes)",
  destroyAttributes: "int posix_spawnattr_destroy(void *attributes)",
  setFlags: "int posix_spawnattr_setflags(void *attributes, int16_t flags)",
  setDefaultSignals: "int posix_spawnattr_setsigdefault(void *attributes, void *set)",
  setMask: "int posix_spawnattr_setsigmask(void *attributes, void *set)",
  fillSet: "int sigfillset(void *set)",
  emptySet: "int sigemptyset(void *set)",
} as const;

/** A program that runs. */
export interface Child {
  /** Waits for its end, or until it says that its work is done; to be called once. Throws SystemError. */
  finish(): ChildOutcome;
}

/**
 * Runs a program to its end: see startChild.
 *
 * @throws SystemError when it cannot be started, with the errno of execve(2).
 */
export function runChild(file: string, args: readonly string[], options: ChildOptions): ChildOutcome {
  return startChild(file, args, options).finish();
}

/**
 * Starts a program in the network namespace of the calling thread. Its standard output is a pipe, so that it notices
 * when this process is gone, and waits when it prints more than a pipe holds; standard input and standard error are
 * files in memory.
 *
 * @param file path of the program; nothing is searched.
 * @throws SystemError when it cannot be started, with the errno of execve(2).
 */
export function startChild(file: string, args: readonly string[], options: ChildOptions): Child {
  const opened: number[] = [];
  try {
    const input = memoryFile(opened);
    for (let written = 0; written < options.input.length; ) {
      written += writeSync(input, options.input, written, options.input.length - written, written);
    }
    const stderr = memoryFile(opened);
    const [readEnd, writeEnd] = openPipe(opened);
    const targets = [input, writeEnd, stderr, ...(options.heldFds ?? [])];
    const pid = spawn(file, args, options.env, targets);
    closeSync(writeEnd);
    opened.splice(opened.indexOf(writeEnd), 1);
    return { finish: () => finish({ pid, readEnd, stderr, opened, doneLine: options.doneLine }) };
  } catch (error) {
    closeAll(opened);
    throw error;
  }
}

interface Started {
  readonly pid: number;
  readonly readEnd: number;
  readonly stderr: number;
  readonly opened: readonly number[];
  readonly doneLine: string | undefined;
}

function finish({ pid, readEnd, stderr, opened, doneLine }: Started): ChildOutcome {
  try {
    const { stdout, isDone } = readOutput(readEnd, doneLine);
    const end = isDone ? ({ status: 0, signal: null, mayStillRun: true } as const) : waitFor(pid);
    return { ...end, stdout, stderr: readFile(stderr) };
  } finally {
    closeAll(opened);
  }
}

function closeAll(opened: readonly number[]): void {
  for (const fd of opened) closeSync(fd);
}

/** Starts a program whose file descriptors 0, 1, … are the given ones; all others are closed in it. */
function spawn(
  file: string,
  args: readonly string[],
  env: ChildOptions["env"],
  fds: readonly number[],
): number {
  const pid = new DataView(new ArrayBuffer(4));
  const actions = new Uint8Array(opaqueSize);
  const attributes = new Uint8Array(opaqueSize);
  native(prototypes.initActions)(actions);
  native(prototypes.initAttributes)(attributes);
  try {
    for (const [target, fd] of fds.entries()) native(prototypes.addDup2)(actions, fd, target);
    resetSignals(attributes);
    const variables = Object.entries(env).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${value}`],
    );
    const errno = native(prototypes.spawn)(
      new Uint8Array(pid.buffer),
      file,
      actions,
      attributes,
      [file, ...args, null],
      [...variables, null],
    );
    if (errno !== 0) throw new SystemError(`cannot run ${file}`, errno);
    return pid.getInt32(0, true);
  } finally {
    native(prototypes.destroyActions)(actions);
    native(prototypes.destroyAttributes)(attributes);
  }
}

/** Node ignores SIGPIPE, and programs would inherit that. */
function resetSignals(attributes: Uint8Array): void {
  const set = new Uint8Array(opaqueSize);
  native(prototypes.fillSet)(set);
  native(prototypes.setDefaultSignals)(attributes, set);
  native(prototypes.emptySet)(set);
  native(prototypes.setMask)(attributes, set);
  native(prototypes.setFlags)(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

function waitFor(pid: number): Pick<ChildOutcome, "status" | "signal"> {
  const status = new DataView(new ArrayBuffer(4));
  const outcome = call(prototypes.waitpid, pid, new Uint8Array(status.buffer), 0);
  if (outcome < 0) throw new SystemError("cannot wait for a program", outcome);
  const word = status.getInt32(0, true);
  // bits/waitstatus.h
  const signal = word & 0x7f;
  return signal === 0 ? { status: (word >>> 8) & 0xff, signal: null } : { status: null, signal };
}

function memoryFile(opened: number[]): number {
  const fd = call(prototypes.memfd_create, "cni", MFD_CLOEXEC);
  if (fd < 0) throw new SystemError("cannot make a file in memory", fd);
  opened.push(fd);
  return fd;
}

function openPipe(opened: number[]): [number, number] {
  const fds = new DataView(new ArrayBuffer(8));
  const outcome = call(prototypes.pipe2, new Uint8Array(fds.buffer), O_CLOEXEC);
  if (outcome < 0) throw new SystemError("cannot make a pipe", outcome);
  const pair: [number, number] = [fds.getInt32(0, true), fds.getInt32(4, true)];
  opened.push(...pair);
  return pair;
}

/** The buffer is used again and again: a pipe gives a few kilobytes at a time, of megabytes on a busy host. */
function readOutput(fd: number, doneLine: string | undefined): { stdout: string; isDone: boolean } {
  let buffer = Buffer.allocUnsafe(65536);
  let length = 0;
  for (;;) {
    const read = readSync(fd, buffer, length, buffer.length - length, null);
    length += read;
    const isDone = doneLine !== undefined && hasLine(buffer.subarray(0, length), doneLine);
    if (read === 0 || isDone) return { stdout: buffer.toString("utf8", 0, length), isDone };
    if (length === buffer.length) buffer = Buffer.concat([buffer], 2 * length);
  }
}

function hasLine(text: Buffer, beginning: string): boolean {
  return text.indexOf(beginning) === 0 || text.includes(`\n${beginning}`);
}

function readFile(fd: number): string {
  const content = Buffer.alloc(fstatSync(fd).size);
  if (content.length > 0) readSync(fd, content, 0, content.length, 0);
  return content.toString("utf8");
}
