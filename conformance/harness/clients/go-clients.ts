import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { goInstallOnce } from "../go/go-install.ts";

const module = fileURLToPath(new URL("../../go-clients", import.meta.url));

/** Parts of containerd that the tests do without. */
const tags = ["no_aufs", "no_btrfs", "no_devmapper", "no_systemd", "no_zfs", "netgo", "osusergo"];

/**
 * The folder with containerd 2, its shim and ctr, and nerdctl 2, which Debian 12 does not have. They are built by
 * `go install` from conformance/go-clients on first use (about two minutes on two cores) and kept outside the
 * repository ($XDG_CACHE_HOME or /var/cache), by the checksum of their versions. Throws with Go's own words when
 * that fails: there is no testing without them.
 */
export function ensureGoClients(): string {
  const cache = process.env["XDG_CACHE_HOME"] ?? "/var/cache";
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) hash.update(readFileSync(`${module}/${file}`));
  const folder = `${cache}/cni-plugins-ts/go-clients-${hash.digest("hex").slice(0, 12)}`;
  if (!existsSync(folder)) build(folder);
  return folder;
}

function build(folder: string): void {
  console.error("building containerd 2 and nerdctl 2 from their Go modules, once: a few minutes");
  const flags = [
    "-mod=readonly",
    "-buildvcs=false",
    "-trimpath",
    "-ldflags=-s -w",
    `-tags=${tags.join(",")}`,
  ];
  try {
    goInstallOnce(folder, ["-C", module, ...flags, "tool"]);
  } catch (error) {
    throw new Error("containerd 2 and nerdctl 2, which the tests need, could not be built", { cause: error });
  }
}
