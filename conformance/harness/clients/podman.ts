import type { CommandResult } from "../host/command.ts";
import type { Host } from "../host/host.ts";

/** Runs podman in the host. Throws when it fails. */
export type Podman = (...args: string[]) => CommandResult;

/**
 * Sets Debian's podman 4.3 up in a host: CNI backend, /etc/cni/net.d, /opt/cni/bin, storage of its own. The limits
 * are those that a machine without CAP_SYS_RESOURCE can keep, and nothing needs systemd, journald or overlayfs.
 */
export function preparePodman(host: Host): Podman {
  const folder = host.tempDir();
  host.writeFile(
    "/etc/containers/policy.json",
    JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }),
  );
  host.writeFile("/etc/containers/containers.conf", containersConf);
  const storage = ["--root", `${folder}/storage`, "--runroot", `${folder}/run`, "--storage-driver", "vfs"];
  return (...args) => host.run("podman", [...storage, "--runtime", "runc", ...args]);
}

const containersConf = `
[containers]
pids_limit = 0
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "cni"
cni_plugin_dirs = ["/opt/cni/bin"]
network_config_dir = "/etc/cni/net.d"
`;
