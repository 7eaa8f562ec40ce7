import type { Host } from "../harness/host/host.ts";
import type { JsonObject } from "../harness/host/json.ts";
import type { Snapshot } from "../harness/host/snapshot.ts";
import type { CallStep } from "./call-step.ts";

/** What one call did, to be compared with what another implementation does (see against.ts). */
export type Observation = {
  /** `ADD bridge c1`, with a number when it is not the first of its kind. */
  what: string;
  outcome: "success" | "error";
  /** The result; or the error's code. */
  result?: unknown;
  code?: unknown;
  msg?: unknown;
  /** What the host and its containers are like afterwards, when that is asked for. */
  state?: string[];
};

/** An attachment that a call made and no call has ended yet, with what is needed to end it. */
export type Added = { step: CallStep; plugin: string; config: JsonObject; container: string; ifname: string };

/** Everything that the steps of one run of a scenario share. */
export type World = {
  host: Host;
  /** Where the executables are, as seen in the host. */
  binDir: string;
  /** The judged plugin. */
  plugin: string;
  version: string;
  /** How long a call may take. */
  limitSeconds: number;
  containers: readonly string[];
  /** Values that patterns captured, and `bin`, `version`. */
  variables: Map<string, string>;
  /** The last result for a container's interface (`c1/eth0`), which CHECK and DEL are given. */
  results: Map<string, unknown>;
  added: Added[];
  /** The host at the last `mark`. */
  before: Snapshot;
  /** Shell lines that repeat what was done so far. */
  byHand: string[];
  /** How often each command of the judged plugin was called. */
  calls: Map<string, number>;
  /** Whether calls are noted for a comparison: answers, or also what the host is like afterwards. */
  observe: "nothing" | "answers" | "all";
  observations: Observation[];
};

/** A step's failure: what a user would have seen instead, and the command at fault. */
export class StepFailure extends Error {
  override name = "StepFailure";
  readonly command: string | undefined;
  /** Of steps that do not build on one another, each one's failure. */
  readonly reasons: readonly string[];

  constructor(message: string, command?: string, reasons: readonly string[] = [message]) {
    super(message);
    this.command = command;
    this.reasons = reasons;
  }
}

/** The text with every `${name}` replaced by what was captured under that name. Throws for an unknown name. */
export function filled(world: World, text: string): string {
  return text.replace(/\$\{(\w+)\}/g, (_all, name: string) => {
    const value = world.variables.get(name);
    if (value === undefined) throw new Error(`no step has captured \${${name}}`);
    return value;
  });
}

/** A JSON value with every `${name}` in its texts replaced. */
export function filledObject(world: World, value: JsonObject): JsonObject {
  const copy: JsonObject = JSON.parse(JSON.stringify(value), (_key, part: unknown) =>
    typeof part === "string" ? filled(world, part) : part,
  );
  return copy;
}
