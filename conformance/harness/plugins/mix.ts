import type { Host } from "../host/host.ts";
import { pluginNames } from "./binaries.ts";

/** Makes a folder like /opt/cni/bin in the host, in which each plugin comes from the folder that `choose` names. */
export function mixedFolder(host: Host, choose: (plugin: string) => string): string {
  const folder = host.tempDir();
  for (const plugin of pluginNames)
    host.run("ln", ["-s", `${choose(plugin)}/${plugin}`, `${folder}/${plugin}`]);
  return folder;
}
