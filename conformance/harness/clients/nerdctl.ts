import type { CommandResult } from "../host/command.ts";
import type { Host } from "../host/host.ts";
import { type Containerd, startContainerd2 } from "./containerd.ts";

/** Runs nerdctl in the host. Throws when it fails. */
export type Nerdctl = (...args: string[]) => CommandResult;

/** Starts containerd 2 without CRI for nerdctl. */
export function startForNerdctl(host: Host): Promise<Containerd> {
  return startContainerd2(host, ['disabled_plugins = ["io.containerd.grpc.v1.cri"]']);
}

/**
 * nerdctl 2 against the host's containerd, as root, with the folders it has without any configuration:
 * /etc/cni/net.d, /opt/cni/bin and /var/lib/nerdctl. The namespace is also the name of its containers' cgroup.
 */
export function nerdctlFor(host: Host, { address, programs }: Containerd, namespace: string): Nerdctl {
  const options = ["--address", address, "--namespace", namespace, "--cgroup-manager", "cgroupfs"];
  return (...args) => host.run(`${programs}/nerdctl`, [...options, ...args]);
}
