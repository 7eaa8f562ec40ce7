import { errorText, Failure } from "../errors/failure.ts";
import type { Child } from "../linux/child.ts";
import { startChild } from "../linux/child-process.ts";
import { isNoProgram, startFailure } from "../linux/start-failure.ts";
import { IptablesUnavailable } from "./unavailable.ts";
import {
  type Family,
  findProgram,
  type Program,
  type ProgramKind,
  searchPath,
  type Variant,
} from "./which.ts";

/** What the programs say when the kernel has no such table or family at all. */
const kernelLacksTable = /Table does not exist|Protocol not supported|Address family not supported/;

/** What one run of a program left. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Says early that the programs for this family are missing. Returns its iptables-restore.
 *
 * @throws IptablesUnavailable where iptables is not installed; Failure `missing` where a part of it is not.
 */
export function requireIptables(family: Family): Program {
  iptablesProgram(family, "save");
  return iptablesProgram(family, "restore");
}

/** Finds `iptables-save` and its like. Throws as `requireIptables`. */
export function iptablesProgram(family: Family, kind: ProgramKind): Program {
  return findProgram(family, kind, askVariant);
}

const variants = new Map<string, Variant | undefined>();

/** "iptables v1.8.9 (nf_tables)"; before 1.8.0 without the brackets. Throws as `startProgram`. */
function askVariant(iptables: string): Variant | undefined {
  if (!variants.has(iptables)) {
    const { stdout } = startProgram({ file: iptables }, ["--version"], { input: "" }).finish();
    const [, said] = /^ip6?tables v[^(]*\((nf_tables|legacy)\)/m.exec(stdout) ?? [];
    variants.set(iptables, said === undefined ? undefined : said === "legacy" ? "legacy" : "nft");
  }
  return variants.get(iptables);
}

interface ProgramOptions {
  /** As in ChildOptions. */
  readonly input?: string;
  /** As in ChildOptions. */
  readonly heldFds?: readonly number[];
}

/** Starts a program. Throws IptablesUnavailable when it is none, Failure `busy` or `refused` when it cannot be started now. */
export function startProgram(
  { file, name }: Program,
  args: readonly string[],
  { input, heldFds }: ProgramOptions = {},
): Child {
  try {
    return startChild(file, args, {
      // The children look for modprobe and for their own configuration as the administrator's shell would.
      env: { ...process.env, PATH: searchPath(process.env["PATH"]).join(":") },
      ...(name !== undefined && { name }),
      ...(input !== undefined && { input: Buffer.from(input) }),
      ...(heldFds !== undefined && { heldFds }),
    });
  } catch (error) {
    if (!isNoProgram(error)) throw startFailure(file, error);
    throw new IptablesUnavailable("missing", errorText(error), {
      advice: "it must be an executable file for this machine",
    });
  }
}

/** The error that a failed run stands for: what the program said comes first. */
export function programFailure(what: string, { file }: Program, outcome: Outcome): Failure {
  const said = outcome.stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#") && !line.startsWith("Try `"))
    .join("; ");
  const end = outcome.status === null ? "it was killed" : `exit status ${outcome.status}`;
  const message = `${what}: ${said === "" ? end : said}`;
  const advice = `${file}: ${end}`;
  return kernelLacksTable.test(said)
    ? new IptablesUnavailable("failed", message, { advice: `${advice}; see the kernel options in README.md` })
    : new Failure("failed", message, { advice });
}
