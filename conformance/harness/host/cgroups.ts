import { readdirSync, rmdirSync } from "node:fs";
import { waitUntil } from "./wait.ts";

const root = "/sys/fs/cgroup";

/**
 * Removes a cgroup and those below it from every hierarchy, v1 or v2: runtimes leave the empty parents of their
 * containers' cgroups, and a scratch host shares the machine's cgroups. To be called after the host is disposed of;
 * it waits until the last processes in them have ended.
 */
export async function removeCgroups(name: string): Promise<void> {
  const hierarchies = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const parent of [root, ...hierarchies.map((entry) => `${root}/${entry.name}`)]) {
    await waitUntil(`${parent}/${name} can be removed`, () => isRemoved(`${parent}/${name}`));
  }
}

function isRemoved(folder: string): boolean {
  try {
    removeTree(folder);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EBUSY") return false;
    throw error;
  }
}

/** The files of a cgroup go with its folder, so `rm -r` would not do. */
function removeTree(folder: string): void {
  let entries: string[];
  try {
    entries = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return; // Not in this hierarchy.
  }
  for (const entry of entries) removeTree(`${folder}/${entry}`);
  rmdirSync(folder);
}
