import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { isErrno, nodeErrno } from "../../shared/errors/system-error.ts";
import { formatIp } from "../../shared/ip/address.ts";
import { inNetns, type Netns, openNetns } from "../../shared/linux/netns.ts";
import { listAddresses } from "../../shared/rtnetlink/address.ts";
import { openRtnetlink } from "../../shared/rtnetlink/client.ts";

/** What shows that an address or a container is in use on this machine. */
export interface MachineUse {
  /** The addresses of all interfaces in all network namespaces, as text. */
  readonly addresses: ReadonlySet<string>;
  /** Control groups and command lines of all processes: those of a container tell its ID. */
  readonly processes: string;
}

/** A part of the machine that could not be seen. */
export class UnseenError extends Error {}

// linux/proc_ns.h: PROC_PID_INIT_INO, PROC_USER_INIT_INO
const initialPidNamespace = "pid:[4026531836]";
const initialUserNamespace = "user:[4026531837]";

/** True when all processes of the machine can be seen: not from a container, nor from a rootless session. */
export function seesWholeMachine(proc = "/proc"): boolean {
  return (
    readlinkSync(`${proc}/self/ns/pid`) === initialPidNamespace &&
    readlinkSync(`${proc}/self/ns/user`) === initialUserNamespace
  );
}

/**
 * Looks at every process and every network namespace: those of processes, and those that are mounted.
 *
 * @throws whatever failed: with a part unseen, nothing is proven. Processes that end meanwhile are no failure.
 */
export function surveyMachine(): MachineUse {
  const processes: string[] = [];
  const namespaces = mountedNamespaces(readFileSync("/proc/self/mountinfo", "utf8"));
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    // Nothing of a process that ends before its namespace was seen can be in use.
    whileAlive(() => {
      const directory = `/proc/${pid}`;
      processes.push(
        readFileSync(`${directory}/cgroup`, "utf8"),
        readFileSync(`${directory}/cmdline`, "latin1"),
      );
      const inode = `${statSync(`${directory}/ns/net`, { bigint: true }).ino}`;
      addPath(namespaces, inode, `${directory}/ns/net`);
    });
  }
  const addresses = new Set<string>();
  for (const [inode, paths] of namespaces) {
    for (const address of addressesOf(inode, paths)) addresses.add(address);
  }
  return { addresses, processes: processes.join("\n") };
}

/** Inodes of the network namespaces that are mounted as files, with their places, from a text of mountinfo (proc(5)). */
export function mountedNamespaces(mountinfo: string): Map<string, string[]> {
  const namespaces = new Map<string, string[]>();
  for (const line of mountinfo.split("\n")) {
    const [, inode, path] = /^\d+ \d+ \S+ net:\[(\d+)\] (\S+) /.exec(line) ?? [];
    if (inode === undefined || path === undefined) continue;
    const unescaped = path.replace(/\\([0-7]{3})/g, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 8)),
    );
    addPath(namespaces, inode, unescaped);
  }
  return namespaces;
}

function addPath(namespaces: Map<string, string[]>, inode: string, path: string): void {
  const paths = namespaces.get(inode);
  if (paths === undefined) namespaces.set(inode, [path]);
  else paths.push(path);
}

function addressesOf(inode: string, paths: readonly string[]): string[] {
  for (const path of paths) {
    const netns = openIfStill(inode, path);
    if (netns === undefined) continue;
    try {
      return inNetns(netns, listAllAddresses);
    } finally {
      netns.close();
    }
  }
  // All its processes have ended, or its mount lies below another one.
  if (paths.every((path) => path.startsWith("/proc/"))) return [];
  throw new UnseenError(`network namespace ${inode} at ${paths.join(", ")} cannot be looked into`);
}

function openIfStill(inode: string, path: string): Netns | undefined {
  return whileAlive(() => {
    if (`${statSync(path, { bigint: true }).ino}` !== inode) return undefined;
    return openNetns(path);
  });
}

function listAllAddresses(): string[] {
  const rtnetlink = openRtnetlink();
  try {
    return listAddresses(rtnetlink).map(({ prefix }) => formatIp(prefix.address));
  } finally {
    rtnetlink.close();
  }
}

function whileAlive<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH") || ["ENOENT", "ESRCH"].includes(nodeErrno(error) ?? ""))
      return undefined;
    throw error;
  }
}
