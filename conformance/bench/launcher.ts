import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { runGo } from "../harness/go/go.ts";
import type { Host } from "../harness/host/host.ts";
import { asObject, asString, objectList, parseObject } from "../harness/host/json.ts";

/** A program to be started: nothing is inherited, and `argv[0]` is an absolute path. */
export type Call = { argv: readonly string[]; env: Readonly<Record<string, string>>; stdin: string };

/** What a call was and took: itself and all its descendants; `peakMb` is the largest resident set of one process. */
export type Outcome = {
  status: number;
  stdout: string;
  stderr: string;
  wallMs: number;
  cpuMs: number;
  peakMb: number;
};

/** `wallMs` is the time from the first start to the last end. */
type Batch = { wallMs: number; outcomes: Outcome[] };

/** The launcher's executable, built for this run of the benchmark; see launcher/launcher.go for why it is in Go. */
export class LauncherProgram {
  readonly #folder = mkdtempSync(`${tmpdir()}/cni-bench-launcher-`);
  readonly path = `${this.#folder}/launcher`;

  constructor() {
    const source = fileURLToPath(new URL("launcher/launcher.go", import.meta.url));
    runGo(["build", "-trimpath", "-ldflags=-s -w", "-o", this.path, source], { CGO_ENABLED: "0" });
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}

/** A launcher that runs inside one host. It ends with the host. */
export class Launcher {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #stderr = "";

  constructor(host: Host, program: LauncherProgram) {
    this.#process = host.spawn(program.path, []);
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** Runs calls beside each other. Does not throw when one of them fails. */
  async runAll(calls: readonly Call[]): Promise<Batch> {
    const request = calls.map(({ argv, env, stdin }) => ({
      argv,
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      stdin,
    }));
    if (!this.#process.stdin.write(`${JSON.stringify({ calls: request })}\n`)) {
      await once(this.#process.stdin, "drain");
    }
    const { done, value } = await this.#lines.next();
    if (done === true) throw new Error(`the launcher has ended: ${this.#stderr}`);
    const answer = parseObject(value);
    return {
      wallMs: Number(answer["wallNs"]) / 1e6,
      outcomes: objectList(answer["outcomes"]).map(outcomeOf),
    };
  }

  /** Runs one call. Throws with what it said when it fails. */
  async run(call: Call): Promise<Outcome> {
    const { outcomes } = await this.runAll([call]);
    const [outcome] = outcomes;
    if (outcome === undefined) throw new Error("the launcher gave no outcome");
    return successful(call, outcome);
  }
}

/** The outcome, if it was a success. Otherwise throws with what the call said. */
export function successful(call: Call, outcome: Outcome): Outcome {
  const { status, stdout, stderr } = outcome;
  if (status === 0) return outcome;
  throw new Error(
    `${call.argv.join(" ")} ${call.env["CNI_COMMAND"] ?? ""}: status ${status}: ${stdout}${stderr}`,
  );
}

function outcomeOf(value: unknown): Outcome {
  const { status, stdout, stderr, wallNs, cpuUs, maxRssKib } = asObject(value);
  return {
    status: Number(status),
    stdout: asString(stdout),
    stderr: asString(stderr),
    wallMs: Number(wallNs) / 1e6,
    cpuMs: Number(cpuUs) / 1e3,
    peakMb: (Number(maxRssKib) * 1024) / 1e6,
  };
}
