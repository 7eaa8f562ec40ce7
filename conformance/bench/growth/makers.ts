import { pluginFolder } from "../../harness/plugins/binaries.ts";
import { ensurePeer } from "../../harness/plugins/peers.ts";

/** Our plugin, or for `peer` the Go plugin. */
export function executableOf(plugin: string, maker: string): string {
  return `${maker === "peer" ? ensurePeer().binDir : pluginFolder()}/${plugin}`;
}
