import { join } from "node:path";
import type { Executable } from "./executable.ts";
import { coldFunctions } from "./snapshot-input.ts";

/** The plugins, of each of which there is an executable. */
export const plugins = ["bridge", "host-local", "portmap", "firewall", "tuning", "loopback"];

const folder = join(import.meta.dirname, "../plugins");
const mainOf = (plugin: string): string => join(folder, plugin, "main.ts");

/** Which plugin has another one inside. */
const builtIns: Readonly<Record<string, string>> = { bridge: "host-local" };

/** What a plugin's executable is made of. */
export function executableOf(plugin: string): Pick<Executable, "entry" | "cold" | "builtIn"> {
  const name = builtIns[plugin];
  const builtIn =
    name === undefined ? undefined : { main: mainOf(name), module: join(folder, name, "plugin.ts") };
  return { entry: mainOf(plugin), cold: coldFunctions(plugin), builtIn };
}
