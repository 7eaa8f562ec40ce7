import type { CommandOptions, CommandResult } from "../host/command.ts";
import { standardPath } from "../host/command.ts";
import type { Host } from "../host/host.ts";
import { waitUntil } from "../host/wait.ts";
import { ensureGoClients } from "./go-clients.ts";

/** `ctr` against the host's containerd. */
export type Ctr = {
  /** Throws when ctr fails. */
  run(...args: string[]): CommandResult;
  /** Resolves when ctr ends, with whatever status. */
  start(...args: string[]): Promise<CommandResult>;
};

/** A containerd that answers. */
export type Containerd = {
  /** Its socket, as seen in the host. */
  address: string;
  /** The folder with containerd's shim, ctr and nerdctl. */
  programs: string;
};

/** Lines of containerd's configuration beside root, state and socket. */
type Config = { version: 2 | 3; lines: readonly string[] };

/**
 * Starts Debian's containerd (1.6) in a host, with root, state and socket of its own. ctr takes the network from
 * /etc/cni/net.d and the plugins from /opt/cni/bin. The namespace, in containerd's sense, is also the name of the
 * cgroup in which its containers run.
 */
export async function startContainerd(host: Host, namespace: string): Promise<Ctr> {
  const config = { version: 2, lines: ['disabled_plugins = ["io.containerd.grpc.v1.cri"]'] } as const;
  return ctrFor(host, await start(host, "/usr/bin", config), namespace);
}

/** Starts containerd 2 (see go-clients.ts) in a host, with root, state and socket of its own. */
export async function startContainerd2(host: Host, lines: readonly string[]): Promise<Containerd> {
  return start(host, ensureGoClients(), { version: 3, lines });
}

/** `ctr` of the same release as a containerd. */
export function ctrFor(host: Host, { address, programs }: Containerd, namespace: string): Ctr {
  const command = (args: readonly string[]) => ["--address", address, "--namespace", namespace, ...args];
  return {
    run: (...args) => host.run(`${programs}/ctr`, command(args)),
    start: (...args) => host.runAsync(`${programs}/ctr`, command(args), { check: false }),
  };
}

async function start(host: Host, programs: string, config: Config): Promise<Containerd> {
  const folder = host.tempDir();
  const address = `${folder}/containerd.sock`;
  const places = [`root = "${folder}/root"`, `state = "${folder}/state"`];
  const lines = [
    `version = ${config.version}`,
    ...places,
    ...config.lines,
    "[grpc]",
    `  address = "${address}"`,
  ];
  host.writeFile(`${folder}/config.toml`, `${lines.join("\n")}\n`);
  const options = ["--config", `${folder}/config.toml`, "--log-level", "error"];
  // containerd looks for its shim in PATH.
  const path = `PATH=${programs}:${standardPath}`;
  const daemon = host.spawn("env", [path, `${programs}/containerd`, ...options]);
  let log = "";
  daemon.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const check: CommandOptions = { check: false };
  await waitUntil("containerd answers", () => {
    if (daemon.exitCode !== null) throw new Error(`containerd ended: ${log}`);
    return host.run(`${programs}/ctr`, ["--address", address, "version"], check).status === 0;
  });
  return { address, programs };
}
