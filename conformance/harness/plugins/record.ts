import type { Host } from "../host/host.ts";
import { pluginNames } from "./binaries.ts";

const log = "/run/cni-calls";

/**
 * Puts a shell script in place of each plugin in the host's /opt/cni/bin, which notes the call and then becomes the
 * plugin of `folder`. The returned function tells the calls so far, in their order, as `bridge ADD /run/netns/c1`.
 */
export function recordCalls(host: Host, folder: string): () => string[] {
  for (const name of pluginNames) {
    const script = [
      "#!/bin/sh",
      `echo "${name} $CNI_COMMAND $CNI_NETNS" >> ${log}`,
      `exec ${folder}/${name}`,
      "",
    ];
    host.writeFile(`/opt/cni/bin/${name}`, script.join("\n"), 0o755);
  }
  host.writeFile(log, "");
  return () => host.readFile(log).split("\n").slice(0, -1);
}
