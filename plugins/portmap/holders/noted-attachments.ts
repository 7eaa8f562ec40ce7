import { fstatSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { isJsonObject, readJson } from "../../../shared/cni/json-read.ts";
import type { Request } from "../../../shared/cni/plugin.ts";
import { type Netns, openNetnsIfPresent, ownNetns } from "../../../shared/linux/netns.ts";
import { readSmallFile } from "../../../shared/linux/small-file.ts";
import type { NotedAttachment } from "./gone.ts";

/** The usual place in which libcni keeps the result of each attachment until DEL. */
const resultsDirectory = "/var/lib/cni/results";

/**
 * Returns the attachments in libcni's cache, with the state of their namespaces. Files that cannot be read are left out.
 *
 * @param newcomer the attachment that ADD is creating.
 * @param netns its namespace, which shows what can be seen from here.
 */
export function readNotes(
  newcomer: Request,
  netns: Netns | undefined,
  directory = resultsDirectory,
): NotedAttachment[] {
  if (netns === undefined) return [];
  return namesIn(directory).flatMap((name) => {
    try {
      return noteIn(readSmallFile(join(directory, name)), (noted) => stateOf(noted, newcomer, netns));
    } catch {
      return [];
    }
  });
}

/** Returns the attachment in a cached result ("cniCacheV1" of libcni/api.go). Exported for its test. */
export function noteIn(
  text: string,
  stateAt: (path: string) => NotedAttachment["namespace"],
): NotedAttachment[] {
  const note = readJson(text);
  if (!isJsonObject(note)) return [];
  const { networkName: network, containerId, ifName: ifname, netns } = note;
  const isWhole = [network, containerId, ifname, netns].every((value) => typeof value === "string");
  if (!isWhole || netns === "") return [];
  const owner = { network: `${network}`, containerId: `${containerId}`, ifname: `${ifname}` };
  return [{ owner, namespace: stateAt(`${netns}`) }];
}

function stateOf(path: string, newcomer: Request, netns: Netns): NotedAttachment["namespace"] {
  const present = openOrGone(path);
  if (present === undefined) return isWhereSeen(path, newcomer.netns) ? "gone" : "unknown";
  const host = ownNetns();
  try {
    // The host's own: the container's process has ended, and its PID is another process's by now.
    if (isSame(present, host)) return "gone";
    return isSame(present, netns) ? "unknown" : "there";
  } finally {
    host.close();
    present.close();
  }
}

/** Undefined where nothing is, or a file that was only the place of a mount. */
function openOrGone(path: string): Netns | undefined {
  try {
    return openNetnsIfPresent(path);
  } catch (error) {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return undefined;
    throw error;
  }
}

/** Whether a namespace at this path could be seen from here, as the newcomer's can at its own. */
function isWhereSeen(path: string, seen: string): boolean {
  const isProcess = (text: string) => /^\/proc\/\d+\//.test(text);
  if (isProcess(path) || isProcess(seen)) return isProcess(path) && isProcess(seen);
  const [one, other] = [path, seen].map((file) => statSync(dirname(file), { throwIfNoEntry: false }));
  return one !== undefined && one.dev === other?.dev && one.ino === other.ino;
}

function isSame(one: Netns, other: Netns): boolean {
  const [a, b] = [fstatSync(one.fd), fstatSync(other.fd)];
  return a.dev === b.dev && a.ino === b.ino;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
