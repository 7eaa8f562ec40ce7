import { spawn, spawnSync } from "node:child_process";

export type CommandOptions = {
  /** What standard input holds; without it standard input is empty. */
  input?: string | Buffer;
  /** The whole environment; nothing is inherited. Default: `toolEnvironment`. */
  env?: Record<string, string>;
  /** Throw when the exit status is not 0. Default: true. */
  check?: boolean;
  timeoutMs?: number;
};

/** `status` is null when a signal ended the command. */
export type CommandResult = {
  status: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
};

/** Where Debian and others keep iptables, nft, ip and the runtimes. */
export const standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const cacheOfNode = process.env["NODE_COMPILE_CACHE"];

/** Where the tests' own programs find their code compiled, if the tests were started so: a third of a start's work. */
export const compileCache: Record<string, string> =
  cacheOfNode === undefined ? {} : { NODE_COMPILE_CACHE: cacheOfNode };

/** For ordinary tools: no proxies and no settings of the user who runs the tests. */
export const toolEnvironment: Record<string, string> = {
  PATH: standardPath,
  HOME: "/root",
  LANG: "C.UTF-8",
  ...compileCache,
};

/** How long a command may take: whatever a busy machine takes for it. An emulated one is slower by ten times or more. */
export const patienceMs = process.env["CNI_TEST_VM"] === "1" ? 600_000 : 180_000;

/** Runs a command to its end. Throws when it cannot start, and on failure unless `check` is false. */
export function runCommand(argv: readonly string[], options: CommandOptions = {}): CommandResult {
  const [file = "", ...args] = argv;
  const done = spawnSync(file, args, {
    input: options.input ?? "",
    env: options.env ?? toolEnvironment,
    encoding: "utf8",
    timeout: options.timeoutMs ?? patienceMs,
    maxBuffer: 64 * 1024 * 1024,
  });
  // As in `runCommandAsync`: VERSION, for one, may be answered before the input is written.
  const isAnswered = done.error !== undefined && /\bEPIPE$/.test(done.error.message) && done.status !== null;
  if (done.error && !isAnswered) throw new Error(`cannot run ${argv.join(" ")}: ${done.error.message}`);
  return checked(argv, options, done);
}

/** The same as `runCommand`, without blocking, for calls that have to run beside each other. */
export async function runCommandAsync(
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const [file = "", ...args] = argv;
  const child = spawn(file, args, {
    env: options.env ?? toolEnvironment,
    stdio: ["pipe", "pipe", "pipe"],
    timeout: options.timeoutMs ?? patienceMs,
    killSignal: "SIGKILL",
  });
  // What a killed command has started may hold its output open for ever.
  child.on("exit", (_status, signal) => {
    if (signal !== null) for (const stream of [child.stdout, child.stderr]) stream.destroy();
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  // A command that ends without reading its input breaks the pipe; its status says all there is to say.
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  const result = await new Promise<CommandResult>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
  return checked(argv, options, result);
}

function checked(argv: readonly string[], options: CommandOptions, done: CommandResult): CommandResult {
  const { status, signal, stdout, stderr } = done;
  if (options.check !== false && status !== 0) {
    const how = signal === null ? `status ${status}` : `signal ${signal}`;
    throw new Error(`${argv.join(" ")}: ${how}\nstdout: ${stdout}\nstderr: ${stderr}`);
  }
  return { status, signal, stdout, stderr };
}
