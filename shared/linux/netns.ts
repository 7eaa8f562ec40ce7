import { closeSync, constants, fstatSync, openSync, statfsSync, statSync } from "node:fs";
import { Failure } from "../errors/failure.ts";
import { nodeErrno, SystemError } from "../errors/system-error.ts";
import { call } from "./libc.ts";

const CLONE_NEWNET = 0x40000000; // linux/sched.h
const NSFS_MAGIC = 0x6e736673; // linux/magic.h
const PROC_SUPER_MAGIC = 0x9fa0; // linux/magic.h: namespaces under /proc before Linux 3.19
const ownPath = "/proc/thread-self/ns/net";
const setns = "int setns(int fd, int nstype)";

/** An open network namespace. It lives as long as this is open, also when its file is removed. */
export class Netns {
  readonly fd: number;
  readonly path: string;

  constructor(fd: number, path: string) {
    this.fd = fd;
    this.path = path;
  }

  close(): void {
    closeSync(this.fd);
  }

  /** True when it is the namespace of the calling thread. What is open is asked, not its path. */
  isOwn(): boolean {
    const { dev, ino } = fstatSync(this.fd, { bigint: true });
    const own = statSync(ownPath, { bigint: true });
    return dev === own.dev && ino === own.ino;
  }
}

/**
 * Opens the network namespace that a file stands for.
 *
 * @throws Failure `netns`: a SystemError with errno ENOENT or its like when the file cannot be opened.
 */
export function openNetns(path: string): Netns {
  const operation = `failed to open netns ${JSON.stringify(path)}`;
  let type: number;
  try {
    type = statfsSync(path).type;
  } catch (error) {
    throw cannotOpen(operation, error);
  }
  // The check comes first: opening a device or a fifo could block or have effects.
  if (type !== NSFS_MAGIC && type !== PROC_SUPER_MAGIC) {
    throw new Failure(
      "netns",
      `${operation}: it is not a network namespace (unknown FS magic ${type.toString(16)})`,
    );
  }
  try {
    // Another file may be there by now.
    return new Netns(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), path);
  } catch (error) {
    throw cannotOpen(operation, error);
  }
}

function cannotOpen(operation: string, error: unknown): SystemError {
  const hasProc = statSync(ownPath, { throwIfNoEntry: false }) !== undefined;
  return new SystemError(operation, nodeErrno(error) ?? "EIO", "", {
    kind: hasProc ? "netns" : "unusable",
    advice: hasProc ? undefined : "/proc is not mounted where the plugin runs, which needs it",
    cause: error,
  });
}

/** Opens a namespace to look at it: undefined when the path is "" or leads nowhere. Throws like `openNetns`. */
export function openNetnsIfPresent(path: string): Netns | undefined {
  if (path === "") return undefined;
  try {
    return openNetns(path);
  } catch (error) {
    if (error instanceof SystemError && (error.errno === "ENOENT" || error.errno === "ENOTDIR"))
      return undefined;
    throw error;
  }
}

/** The namespace of the calling thread. */
export function ownNetns(): Netns {
  return openNetns(ownPath);
}

/**
 * Runs `work` in a namespace and comes back. `work` must be synchronous: other threads, on which promises of
 * node:fs run, are not moved. Child processes started by it are born in the namespace.
 *
 * @throws Failure `netns` when the file is no network namespace; what `work` throws.
 */
export function inNetns<T>(netns: Netns, work: () => T): T {
  const home = ownNetns();
  try {
    enter(netns);
    try {
      return work();
    } finally {
      comeBack(home);
    }
  } finally {
    home.close();
  }
}

function enter(netns: Netns): void {
  const outcome = call(setns, netns.fd, CLONE_NEWNET);
  if (outcome >= 0) return;
  const cause = new SystemError(`error switching to ns ${netns.path}`, outcome);
  throw new Failure("netns", cause.message, { cause });
}

function comeBack(home: Netns): void {
  if (call(setns, home.fd, CLONE_NEWNET) >= 0) return;
  // Going on would change the container as if it were the host.
  process.abort();
}
