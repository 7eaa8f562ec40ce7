import { goInstallOnce } from "../go/go-install.ts";

type Peer = {
  /** The folder with the Go plugins. */
  binDir: string;
  /** The path of cnitool. */
  cnitool: string;
};

/** The releases of the Go plugins with which ours are compared: the newest first, then what nodes still have. */
export const peerReleases = ["1.10.0", "1.9.1"] as const;
export type PeerRelease = (typeof peerReleases)[number];

const cnitoolVersion = "v1.3.0";

const plugins = [
  "main/bridge",
  "main/loopback",
  "ipam/host-local",
  "meta/portmap",
  "meta/firewall",
  "meta/tuning",
];

/** The release that `--against` names: `go` is the newest, `go@1.9.1` that one; undefined when it names a folder. */
export function peerReleaseOf(against: string): PeerRelease | undefined {
  if (against === "go") return peerReleases[0];
  return peerReleases.find((release) => against === `go@${release}`);
}

/**
 * The Go plugins and cnitool, built by `go install` on first use and kept outside the repository
 * ($XDG_CACHE_HOME or /var/cache). Throws with Go's own words when that fails: there is no testing without them.
 */
export function ensurePeer(release: PeerRelease = peerReleases[0]): Peer {
  const cache = process.env["XDG_CACHE_HOME"] ?? "/var/cache";
  const binDir = `${cache}/cni-plugins-ts/peer-v${release}`;
  const toolDir = `${cache}/cni-plugins-ts/cnitool-${cnitoolVersion}`;
  const pluginModule = "github.com/containernetworking/plugins/plugins";
  install(
    binDir,
    plugins.map((plugin) => `${pluginModule}/${plugin}@v${release}`),
  );
  install(toolDir, [`github.com/containernetworking/cni/cnitool@${cnitoolVersion}`]);
  return { binDir, cnitool: `${toolDir}/cnitool` };
}

function install(folder: string, packages: readonly string[]): void {
  try {
    goInstallOnce(folder, packages);
  } catch (error) {
    throw new Error("the Go plugins, which the tests need, could not be built", { cause: error });
  }
}
