import { fstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { Failure } from "../../../shared/errors/failure.ts";
import { nodeErrno, SystemError } from "../../../shared/errors/system-error.ts";
import { formatIp } from "../../../shared/ip/address.ts";
import { inNetns, openNetns } from "../../../shared/linux/netns.ts";
import { listAddresses } from "../../../shared/rtnetlink/address.ts";
import { openRtnetlink } from "../../../shared/rtnetlink/client.ts";

/** The addresses and containers that are in use on this machine. */
export interface MachineUse {
  /** The addresses of all interfaces in all network namespaces, as text. */
  readonly addresses: ReadonlySet<string>;
  /** Control groups and command lines of all processes: those of a container hold its ID. */
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
 * The greatest number of looks. Another one is needed when a process or mount is new or gone, as always on busy
 * machines.
 */
const mostLooks = 10;

/**
 * Surveys every process and every network namespace, mounted or of a process.
 *
 * @throws UnseenError or the failure, since a survey with gaps proves nothing. Processes that end meanwhile are no gap.
 */
export function surveyMachine(): MachineUse {
  const survey = new Survey();
  for (let look = 1; look <= mostLooks; look++) {
    survey.lookAtProcesses();
    survey.lookAtMounts();
    // A process may have left its namespace to a child or a mount meanwhile, which the second look finds.
    if (look > 1 && survey.unseen.size === 0) return survey;
  }
  const [[inode, paths] = ["", []]] = survey.unseen;
  throw new UnseenError(`network namespace ${inode} at ${paths.join(", ")} cannot be looked into`);
}

class Survey implements MachineUse {
  readonly addresses = new Set<string>();
  processes = "";
  /** Mounted namespaces that could not be opened: gone since, moved, or below another mount. */
  unseen = new Map<string, string[]>();
  readonly #pids = new Set<string>();
  readonly #seen = new Set<string>();

  lookAtProcesses(): void {
    for (const pid of readdirSync("/proc")) {
      if (!/^\d+$/.test(pid) || this.#pids.has(pid)) continue;
      this.#pids.add(pid);
      // Nothing of a process that ends before its namespace was seen can be in use.
      whileThere(() => this.#lookAtProcess(`/proc/${pid}`));
    }
  }

  lookAtMounts(): void {
    const mounted = mountedNamespaces(readFileSync("/proc/self/mountinfo", "utf8"));
    const isSeen = ([inode, paths]: [string, string[]]): boolean =>
      paths.some((path) => this.#lookInto(inode, path));
    this.unseen = new Map([...mounted].filter((entry) => !isSeen(entry)));
  }

  #lookAtProcess(directory: string): void {
    const cgroup = readFileSync(`${directory}/cgroup`, "utf8");
    this.processes += `${cgroup}\n${readFileSync(`${directory}/cmdline`, "latin1")}\n`;
    const path = `${directory}/ns/net`;
    const look = (): boolean => this.#lookInto(inodeOf(statSync(path, { bigint: true })), path);
    // It may have entered another namespace just now.
    if (!look() && !look()) throw new UnseenError(`${path} cannot be looked into`);
  }

  /** False when a path leads to another namespace than this, or nowhere. Otherwise the namespace has been seen. */
  #lookInto(inode: string, path: string): boolean {
    if (this.#seen.has(inode)) return true;
    const found = addressesOf(inode, path);
    for (const address of found ?? []) this.addresses.add(address);
    if (found !== undefined) this.#seen.add(inode);
    return found !== undefined;
  }
}

/**
 * Inodes of the network namespaces that are mounted as files, with their places, from a text of mountinfo (proc(5)).
 */
export function mountedNamespaces(mountinfo: string): Map<string, string[]> {
  const namespaces = new Map<string, string[]>();
  for (const line of mountinfo.split("\n")) {
    const [, inode, path] = /^\d+ \d+ \S+ net:\[(\d+)\] (\S+) /.exec(line) ?? [];
    if (inode === undefined || path === undefined) continue;
    const unescaped = path.replace(/\\([0-7]{3})/g, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 8)),
    );
    const paths = namespaces.get(inode);
    if (paths === undefined) namespaces.set(inode, [unescaped]);
    else paths.push(unescaped);
  }
  return namespaces;
}

/** Undefined when the path does not lead to the namespace with this inode any more. */
function addressesOf(inode: string, path: string): string[] | undefined {
  const netns = whileThere(() => openNetns(path));
  if (netns === undefined) return undefined;
  try {
    if (inodeOf(fstatSync(netns.fd, { bigint: true })) !== inode) return undefined;
    return inNetns(netns, listAllAddresses);
  } finally {
    netns.close();
  }
}

function inodeOf({ ino }: { readonly ino: bigint }): string {
  return `${ino}`;
}

function listAllAddresses(): string[] {
  const rtnetlink = openRtnetlink();
  try {
    return listAddresses(rtnetlink).map(({ prefix }) => formatIp(prefix.address));
  } finally {
    rtnetlink.close();
  }
}

/** Undefined when a process or a mount that `work` reads has gone. */
function whileThere<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    const errno = error instanceof SystemError ? error.errno : nodeErrno(error);
    // A namespace's file is an ordinary one when it is not mounted any more.
    const isOrdinary = errno === undefined && error instanceof Failure && error.kind === "netns";
    if (isOrdinary || errno === "ENOENT" || errno === "ESRCH" || errno === "ENOTDIR") return undefined;
    throw error;
  }
}
