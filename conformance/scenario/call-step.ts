import type { JsonObject } from "../harness/host/json.ts";
import type { Command } from "../harness/plugins/plugin-call.ts";
import type { Pattern } from "./match.ts";

/** One call of one executable. `name`, `type` and `cniVersion` of `config` are filled in where they are missing. */
export type CallStep = {
  call: Command;
  plugin?: string;
  /** Which container; its ID is its name. Default: the scenario's first. */
  container?: string;
  config?: JsonObject;
  /** Standard input as it is, in place of `config`. */
  stdin?: Stdin;
  /**
   * Default: for CHECK and DEL the container's last result (in versions that hand it over), for ADD none;
   * `"result"` hands the last result to an ADD too; an object is written for the newest version, and converted.
   */
  prevResult?: "result" | "none" | JsonObject;
  /** The variables; null leaves one out. Defaults: as a runtime sets them for the command. */
  ifname?: string | null;
  id?: string | null;
  netns?: string | null;
  path?: string | null;
  args?: string;
  /** CNI_COMMAND as it is, when it has to differ from `call`. */
  command?: string | null;
  env?: Record<string, string>;
  /** Words before the executable, such as `setpriv --reuid=65534`. */
  under?: readonly string[];
  /** Default: success, with a result of the version where the command has one, and no output where it has none. */
  expect?: Expect;
  /** For reports: what this step is about, when a scenario has many of the same kind. */
  what?: string;
};

/** Text; bytes as hexadecimal digits; or pieces, of which some are repeated. */
export type Stdin = string | { hex: string } | readonly (string | { repeat: string; times: number })[];

/** The outcome of a call. Results are written for the newest version; the runner converts them. */
export type Expect =
  | { result: Pattern }
  /** `names` is a regular expression for what must be in `msg` or `details`. */
  | { error: { code?: ErrorCode | readonly ErrorCode[]; msg?: Pattern; details?: Pattern; names?: string } }
  | { success: true }
  /** Both outcomes are right, as long as they are well-formed. */
  | { either: true };

/** One code, or all from one on: those from 100 on are left to the plugins, each of which may choose its own. */
export type ErrorCode = number | { atLeast: number };
