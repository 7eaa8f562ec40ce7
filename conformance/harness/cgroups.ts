import { readdirSync, rmdirSync } from "node:fs";

const root = "/sys/fs/cgroup";

/**
 * Removes a cgroup and those below it from every hierarchy, v1 or v2: runtimes leave the empty parents of their
 * containers' cgroups, and a scratch host shares the machine's cgroups. To be called after the host is disposed of.
 */
export function removeCgroups(name: string): void {
  const hierarchies = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const parent of [root, ...hierarchies.map((entry) => `${root}/${entry.name}`)]) {
    removeTree(`${parent}/${name}`);
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
