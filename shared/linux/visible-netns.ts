import { fstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { Failure } from "../errors/failure.ts";
import { isErrno, nodeErrno } from "../errors/system-error.ts";
import { type Netns, openNetns, ownNetns } from "./netns.ts";

// linux/proc_ns.h: PROC_USER_INIT_INO
const initialUserNamespace = "user:[4026531837]";

/**
 * Calls `work` with each network namespace, but the caller's, that a process is in or that is mounted where it can be
 * reached. What ends or goes meanwhile is passed over, and so is in a rootless session what belongs to other users.
 *
 * @returns false when there was one that may not be looked at.
 * @throws SystemError; what `work` throws.
 */
export function eachVisibleNetns(work: (netns: Netns) => void): boolean {
  const done = new Set<string>();
  let sawAll = true;
  const look = (name: string, path: string): void => {
    if (done.has(name)) return;
    const netns = openNetns(path);
    try {
      if (nameOf(netns) !== name) return;
      done.add(name);
      work(netns);
    } finally {
      netns.close();
    }
  };
  const own = ownNetns();
  done.add(nameOf(own));
  own.close();
  const isMachines = readlinkSync("/proc/self/ns/user") === initialUserNamespace;
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const path = `/proc/${pid}/ns/net`;
    sawAll = passing(() => look(readlinkSync(path), path)) !== "forbidden" && sawAll;
  }
  for (const [name, path] of mountedNetns(readFileSync("/proc/self/mountinfo", "utf8"))) {
    sawAll = passing(() => look(name, path)) !== "forbidden" && sawAll;
  }
  return sawAll || !isMachines;
}

/** Network namespaces that are mounted, as `net:[INODE]`, and where, from a text of mountinfo (proc(5)). */
export function mountedNetns(mountinfo: string): [name: string, path: string][] {
  return mountinfo.split("\n").flatMap((line): [string, string][] => {
    const [, name, path] = /^\d+ \d+ \S+ (net:\[\d+\]) (\S+) /.exec(line) ?? [];
    if (name === undefined || path === undefined) return [];
    const unescaped = path.replace(/\\([0-7]{3})/g, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 8)),
    );
    return [[name, unescaped]];
  });
}

function nameOf({ fd }: Netns): string {
  return `net:[${fstatSync(fd).ino}]`;
}

/** Does the work, and returns why it could not: a file has gone meanwhile, or may not be read. */
function passing(work: () => void): "done" | "gone" | "forbidden" {
  try {
    work();
    return "done";
  } catch (error) {
    const is = (...names: string[]) => isErrno(error, ...names) || names.includes(nodeErrno(error) ?? "");
    if (is("EACCES", "EPERM")) return "forbidden";
    // Below another mount there may be anything at the path.
    const isOther = error instanceof Failure && error.kind === "netns";
    if (is("ENOENT", "ESRCH", "ENOTDIR") || isOther) return "gone";
    throw error;
  }
}
