import { closeSync, writeSync } from "node:fs";
import { SystemError } from "../errors/system-error.ts";
import { Child, type ChildOutcome } from "./child.ts";
import { keepInheritedFiles } from "./close-on-exec.ts";
import { O_CLOEXEC } from "./fcntl.ts";
import { call, native } from "./libc.ts";

// Loading node:child_process costs 2.3 ms, and its fork copies the page tables of the whole Node process: measured
// for one iptables-save, 2.2 ms against 1.1 ms.

interface ChildOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the program is called by (argv[0]). Default: its file. */
  readonly name?: string;
  /** What it reads from standard input, if all of that is known already. */
  readonly input?: Uint8Array;
  /** Open files that the program is to hold open as well, as long as it runs. */
  readonly heldFds?: readonly number[];
}

export interface KnownChildOptions extends ChildOptions {
  readonly input: Uint8Array;
}

// fcntl.h, sys/mman.h, spawn.h
const MFD_CLOEXEC = 1;
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
// Larger than glibc's opaque structs on every architecture: 80, 336 and 128 bytes on x86-64.
const opaqueSize = 512;

const prototypes = {
  pipe2: "int pipe2(void *fds, int flags)",
  memfd_create: "int memfd_create(const char *name, unsigned int flags)",
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

/**
 * Runs a program to its end: see startChild.
 *
 * @throws SystemError when it cannot be started, with the errno of execve(2).
 */
export function runChild(file: string, args: readonly string[], options: KnownChildOptions): ChildOutcome {
  return startChild(file, args, options).finish();
}

/**
 * Starts a program in the network namespace of the calling thread. Its standard output is a pipe, so that it notices
 * when this process is gone, and waits when it prints more than a pipe holds; standard error, and an input that is known,
 * are files in memory.
 *
 * @param file path of the program; nothing is searched.
 * @throws SystemError when it cannot be started, with the errno of execve(2).
 */
export function startChild(file: string, args: readonly string[], options: ChildOptions): Child {
  const { env, input, heldFds = [], name = file } = options;
  const opened: number[] = [];
  try {
    const [theirInput, stdin] = input === undefined ? openPipe(opened) : [inputFile(input, opened)];
    const [stdout, theirOutput] = openPipe(opened);
    const stderr = memoryFile(opened);
    const pid = spawn(file, [name, ...args], env, [theirInput, theirOutput, stderr, ...heldFds]);
    closeSync(theirInput);
    closeSync(theirOutput);
    return new Child(pid, { stdin, stdout, stderr });
  } catch (error) {
    for (const fd of opened) closeSync(fd);
    throw error;
  }
}

function inputFile(content: Uint8Array, opened: number[]): number {
  const file = memoryFile(opened);
  for (let written = 0; written < content.length; ) {
    written += writeSync(file, content, written, content.length - written, written);
  }
  return file;
}

/** Starts a program, called by the first of its arguments, whose file descriptors 0, 1, … are the given ones; all others are closed in it. */
function spawn(
  file: string,
  args: readonly string[],
  env: ChildOptions["env"],
  fds: readonly number[],
): number {
  keepInheritedFiles();
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
      [...args, null],
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
