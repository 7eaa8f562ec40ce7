/** The plugins that one executable can be, the build puts them in. */
declare const CNI_PLUGINS_NAMES: readonly string[] | undefined;

/** By this name an executable is the installer. */
export const installerName = "cni-plugins-ts";

export function pluginNames(): readonly string[] {
  return typeof CNI_PLUGINS_NAMES === "undefined" ? [] : CNI_PLUGINS_NAMES;
}

/**
 * The plugin that a file's name selects: the name itself, or its longest end behind a dash that is a plugin's name
 * (`cnv-bridge`, `buildkit-cni-host-local`). Undefined when there is none. The executable decides in the same way before
 * JavaScript runs (build/node/entry-code.ts).
 */
export function pluginNamed(name: string): string | undefined {
  for (let rest = name; ; ) {
    if (pluginNames().includes(rest)) return rest;
    const dash = rest.indexOf("-");
    if (dash === -1) return undefined;
    rest = rest.slice(dash + 1);
  }
}
