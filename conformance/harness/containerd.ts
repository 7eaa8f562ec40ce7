import type { CommandOptions, CommandResult } from "./command.ts";
import type { Host } from "./host.ts";
import { waitUntil } from "./wait.ts";

/** `ctr` against the host's containerd. */
export type Ctr = {
  /** Throws when ctr fails. */
  run(...args: string[]): CommandResult;
  /** Resolves when ctr ends, with whatever status. */
  start(...args: string[]): Promise<CommandResult>;
};

/**
 * Starts Debian's containerd in a host, with root, state and socket of its own. ctr takes the network from
 * /etc/cni/net.d and the plugins from /opt/cni/bin. The namespace, in containerd's sense, is also the name of the
 * cgroup in which its containers run.
 */
export async function startContainerd(host: Host, namespace: string): Promise<Ctr> {
  const folder = host.tempDir();
  const address = `${folder}/containerd.sock`;
  const config = [
    "version = 2",
    `root = "${folder}/root"`,
    `state = "${folder}/state"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    "[grpc]",
    `  address = "${address}"`,
  ];
  host.writeFile(`${folder}/config.toml`, `${config.join("\n")}\n`);
  const daemon = host.spawn("containerd", ["--config", `${folder}/config.toml`, "--log-level", "error"]);
  let log = "";
  daemon.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const command = (args: readonly string[]) => ["--address", address, "--namespace", namespace, ...args];
  const run = (args: readonly string[], options: CommandOptions = {}) =>
    host.run("ctr", command(args), options);
  await waitUntil("containerd answers", () => {
    if (daemon.exitCode !== null) throw new Error(`containerd ended: ${log}`);
    return run(["version"], { check: false }).status === 0;
  });
  return {
    run: (...args) => run(args),
    start: (...args) => host.runAsync("ctr", command(args), { check: false }),
  };
}
