import { join } from "node:path";
import { droppedMembers } from "./bundle.ts";
import { pluginNames } from "./plugin-names.ts";
import { programOf } from "./plugins.ts";

/** Where the list is. */
export const droppedMembersFile = join(import.meta.dirname, "dropped-members.txt");

/**
 * Which methods and accessors of classes are left out of the plugins' programs because nothing can call them
 * (unused-members.ts), a line each, with the plugins that lack it. A change of it is to be looked at in review.
 */
export async function droppedMembersList(): Promise<string> {
  const plugins = new Map<string, string[]>();
  for (const plugin of pluginNames) {
    const { entry, builtIn } = programOf(plugin);
    const inside = builtIn && { module: builtIn.module, identity: "" };
    for (const name of new Set(await droppedMembers(entry, inside))) {
      plugins.set(name, [...(plugins.get(name) ?? []), plugin]);
    }
  }
  const lines = [...plugins].map(([name, lacking]) => {
    return `${name}: ${lacking.length === pluginNames.length ? "all" : lacking.join(" ")}`;
  });
  return `${lines.sort().join("\n")}\n`;
}
