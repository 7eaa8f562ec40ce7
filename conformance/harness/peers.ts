import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { runGo } from "./go.ts";

export type Peer = {
  /** The folder with the Go plugins. */
  binDir: string;
  /** The path of cnitool. */
  cnitool: string;
};

const pluginsVersion = "v1.9.1";
const cnitoolVersion = "v1.3.0";

const plugins = [
  "main/bridge",
  "main/loopback",
  "ipam/host-local",
  "meta/portmap",
  "meta/firewall",
  "meta/tuning",
];

/**
 * The Go plugins and cnitool, built by `go install` on first use and kept outside the repository
 * ($XDG_CACHE_HOME or /var/cache). Throws with Go's own words when that fails: there is no testing without them.
 */
export function ensurePeer(): Peer {
  const cache = process.env["XDG_CACHE_HOME"] ?? "/var/cache";
  const binDir = `${cache}/cni-plugins-ts/peer-${pluginsVersion}`;
  const toolDir = `${cache}/cni-plugins-ts/cnitool-${cnitoolVersion}`;
  const pluginModule = "github.com/containernetworking/plugins/plugins";
  install(
    binDir,
    plugins.map((plugin) => `${pluginModule}/${plugin}@${pluginsVersion}`),
  );
  install(toolDir, [`github.com/containernetworking/cni/cnitool@${cnitoolVersion}`]);
  return { binDir, cnitool: `${toolDir}/cnitool` };
}

/** Builds into a folder of this process, then renames it, so that a folder is there either whole or not at all. */
function install(folder: string, packages: readonly string[]): void {
  if (existsSync(folder)) return;
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(dirname(folder), { recursive: true });
  try {
    runGo(["install", ...packages], { GOBIN: unfinished, CGO_ENABLED: "0" });
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw new Error("the Go plugins, which the tests need, could not be built", { cause: error });
  }
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    // Another test process was faster.
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
}
