import { join } from "node:path";
import { installerName } from "../../shared/cni/plugin-names.ts";
import type { Besides, LinkedExecutable, Program } from "./executable.ts";
import { pluginNames } from "./plugin-names.ts";
import { coldFunctions } from "./snapshot-input.ts";

const folder = join(import.meta.dirname, "../../plugins");
const mainOf = (plugin: string): string => join(folder, plugin, "main.ts");

/** Which plugin has another one inside. */
const builtIns: Readonly<Record<string, string>> = { bridge: "host-local" };

/** The program of a plugin. */
export function programOf(plugin: string): Program {
  const name = builtIns[plugin];
  const builtIn =
    name === undefined ? undefined : { main: mainOf(name), module: join(folder, name, "plugin.ts") };
  return { entry: mainOf(plugin), cold: coldFunctions(plugin), builtIn };
}

/** The installer, a program of every executable. Nothing of it need be fast. */
const installer: Besides = {
  name: installerName,
  program: { entry: join(import.meta.dirname, "installer.ts"), cold: "all" },
};

/** What the executable of a plugin has: the plugin, and the installer. */
export function pluginExecutable(plugin: string): Program & { readonly besides: Besides } {
  return { ...programOf(plugin), besides: installer };
}

/** The programs of an executable that is every plugin. */
export function linkedPrograms(): Pick<LinkedExecutable, "programs" | "otherwise"> {
  return {
    programs: new Map(pluginNames.map((name) => [name, programOf(name)])),
    otherwise: installer.program,
  };
}
