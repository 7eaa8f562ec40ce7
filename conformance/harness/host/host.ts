import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { TestContext } from "node:test";
import {
  type CommandOptions,
  type CommandResult,
  runCommand,
  runCommandAsync,
  toolEnvironment,
} from "./command.ts";
import { hostSetup } from "./host-setup.ts";

/** Where a command runs: in the host's network namespace, or in one of its named ones; `directory` is host's. */
export type Place = { netns?: string; directory?: string };

/**
 * One scratch "host" for tests: network, mount and PID namespaces of its own (see host-setup.ts). Everything in it,
 * links, rules, files under /run, /etc, /opt and /var/lib, and processes, vanishes with `dispose`, or when the
 * test process dies.
 */
export class Host {
  readonly #holder: ChildProcess;
  readonly #proc: string;
  #directories = 0;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
    this.#proc = `/proc/${holder.pid}`;
  }

  /**
   * Makes a host. Needs root. Throws with the cause when the kernel refuses one of the namespaces or mounts. One that
   * `outlives` this process stays until `dispose`, or until its first process is killed.
   */
  static async create({ outlives = false } = {}): Promise<Host> {
    const namespaces = ["--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"];
    const script = outlives ? hostSetup.replace("cat > /dev/null", "sleep infinity") : hostSetup;
    const holder = spawn("unshare", [...namespaces, "--mount-proc", "sh", "-c", script], {
      env: toolEnvironment,
      stdio: ["pipe", "pipe", "pipe"],
      detached: outlives,
    });
    await ready(holder, "scratch host");
    return new Host(holder);
  }

  /** The process that holds the host's namespaces, as the machine sees it: `nsenter --target PID --net --mount`. */
  get pid(): number {
    return this.#holder.pid ?? 0;
  }

  /** Runs a command in the host to its end. */
  run(command: string, args: readonly string[] = [], options: CommandOptions & Place = {}): CommandResult {
    return runCommand([...this.#enter(options), command, ...args], options);
  }

  /** The same as `run` without blocking, for calls that have to run beside each other. */
  runAsync(
    command: string,
    args: readonly string[] = [],
    options: CommandOptions & Place = {},
  ): Promise<CommandResult> {
    return runCommandAsync([...this.#enter(options), command, ...args], options);
  }

  /** Runs a command in one of the host's named network namespaces to its end. */
  inNetns(
    netns: string,
    command: string,
    args: readonly string[] = [],
    options: CommandOptions = {},
  ): CommandResult {
    return this.run(command, args, { ...options, netns });
  }

  /** Starts a command that keeps running, and resolves when it has printed a line `ready`. */
  async start(command: string, args: readonly string[], place: Place = {}): Promise<ChildProcess> {
    const child = this.spawn(command, args, place);
    await ready(child, command);
    return child;
  }

  /** Starts a command that keeps running; it ends with the host at the latest. */
  spawn(command: string, args: readonly string[], place: Place = {}): ChildProcessWithoutNullStreams {
    const [file = "", ...rest] = [...this.#enter(place), command, ...args];
    return spawn(file, rest, { env: toolEnvironment, stdio: ["pipe", "pipe", "pipe"] });
  }

  /** Makes a named network namespace, and returns its path as seen in the host. */
  addNetns(name: string): string {
    this.run("ip", ["netns", "add", name]);
    return `/run/netns/${name}`;
  }

  /** Removes a named network namespace; the devices in it go once no process uses it. */
  delNetns(name: string): void {
    this.run("ip", ["netns", "delete", name]);
  }

  /**
   * The path by which the test process reaches a file of the host. The path must not lead through an absolute
   * symbolic link (such as /var/run), which would be followed outside.
   */
  outside(path: string): string {
    return `${this.#proc}/root${path}`;
  }

  readFile(path: string): string {
    return readFileSync(this.outside(path), "utf8");
  }

  /** Writes a file of the host, and the folders above it. */
  writeFile(path: string, content: string | Buffer, mode = 0o644): void {
    mkdirSync(dirname(this.outside(path)), { recursive: true });
    writeFileSync(this.outside(path), content, { mode });
  }

  /** Makes an empty folder in the host's memory and returns its path as seen in the host. */
  tempDir(): string {
    this.#directories += 1;
    const path = `/run/test/${this.#directories}`;
    mkdirSync(this.outside(path));
    return path;
  }

  /** Shows a folder of the machine at another place in the host. */
  bind(source: string, target: string): void {
    mkdirSync(this.outside(target), { recursive: true });
    this.run("mount", ["--bind", source, target]);
  }

  /** Ends every process of the host, and with them all that it consists of. */
  async dispose(): Promise<void> {
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return;
    const ended = once(this.#holder, "exit");
    this.#holder.stdin?.destroy();
    this.#holder.kill("SIGKILL");
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /**
   * `ip netns exec` would mount a fresh /sys, which hides the cgroups from runtimes; nsenter does not. All paths
   * are opened before the namespaces are entered, hence the way through /proc.
   */
  #enter(place: Place): string[] {
    const net =
      place.netns === undefined ? `${this.#proc}/ns/net` : this.outside(`/run/netns/${place.netns}`);
    const directory = this.outside(place.directory ?? "/run/empty");
    const mountAndPid = [`--mount=${this.#proc}/ns/mnt`, `--pid=${this.#proc}/ns/pid_for_children`];
    return ["/usr/bin/nsenter", `--net=${net}`, ...mountAndPid, `--wd=${directory}`, "--"];
  }
}

/** A host that is disposed of when the test ends, however it ends. */
export async function hostFor(t: TestContext): Promise<Host> {
  const host = await Host.create();
  t.after(() => host.dispose());
  return host;
}

async function ready(child: ChildProcess, what: string): Promise<void> {
  let stdout = "";
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  await new Promise<void>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (status) =>
      reject(new Error(`${what} ended with status ${status}: ${stdout}${stderr}`)),
    );
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      if (stdout.split("\n").includes("ready")) resolve();
    });
  });
}
