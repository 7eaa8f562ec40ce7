import { toolEnvironment } from "../../conformance/harness/host/command.ts";
import type { Host } from "../../conformance/harness/host/host.ts";
import type { Story } from "./story.ts";

/** A shell on the demo's host: each command is shown as it is run, with what it printed. */
export class Shell {
  readonly #host: Host;
  readonly #story: Story;
  readonly #directory: string;
  #exported: Record<string, string> = {};

  /** @param directory the working directory, in the host. */
  constructor(host: Host, story: Story, directory: string) {
    this.#host = host;
    this.#story = story;
    this.#directory = directory;
  }

  /**
   * Runs a command line, shows and returns what it printed. Throws when its exit status is not among `statuses`;
   * other than 0 are those of `grep` that finds nothing, and of `curl` that cannot connect.
   */
  async run(line: string, statuses: readonly number[] = [0]): Promise<string> {
    const { output } = await this.#run(line, statuses);
    this.#story.ended(output === "" && !statuses.includes(0) ? "prints nothing" : "");
    this.#story.output(output);
    return output;
  }

  /** The same, but what it printed is only returned; how long it took is shown instead. */
  async time(line: string): Promise<string> {
    const { output, milliseconds } = await this.#run(line, [0]);
    this.#story.ended(`${milliseconds} ms`);
    return output;
  }

  /** Starts a command that keeps running, in a directory of the host; comes back when it has printed `ready`. */
  async start(line: string, directory: string): Promise<void> {
    this.#story.command(`${line} &`);
    await this.#host.start("sh", ["-c", `exec ${line}`], { directory });
    this.#story.ended();
  }

  /** Sets environment variables for the commands that follow. */
  export(variables: Record<string, string>): void {
    const changed = Object.entries(variables).filter(([name, value]) => this.#exported[name] !== value);
    if (changed.length === 0) return;
    this.#exported = { ...this.#exported, ...variables };
    this.#story.command(`export ${changed.map(([name, value]) => `${name}=${value}`).join(" ")}`);
    this.#story.ended();
  }

  async #run(line: string, statuses: readonly number[]): Promise<{ output: string; milliseconds: number }> {
    this.#story.command(line);
    const start = performance.now();
    const { status, signal, stdout, stderr } = await this.#host.runAsync("sh", ["-c", line], {
      directory: this.#directory,
      env: { ...toolEnvironment, ...this.#exported },
      check: false,
    });
    const milliseconds = Math.round(performance.now() - start);
    const output = stdout + stderr;
    if (status !== null && statuses.includes(status)) return { output, milliseconds };
    this.#story.ended();
    this.#story.output(output);
    throw new Error(`${line}\nended with ${signal ?? `status ${status}`}`);
  }
}
