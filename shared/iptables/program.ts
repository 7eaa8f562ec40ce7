import { accessSync, constants, statSync } from "node:fs";
import { CniError, ErrorCode, errorText } from "../errors/cni-error.ts";
import type { Child } from "../linux/child.ts";
import { startChild } from "../linux/child-process.ts";

export type Family = 4 | 6;
export type ProgramKind = "save" | "restore";

/** Where administrators' programs are when the environment has no PATH, or one without them. */
const usualDirectories = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin"];

/** iptables cannot work here at all, for this family: the programs or the kernel's part are missing. */
export class IptablesUnavailable extends CniError {}

/** What the programs say when the kernel has no such table or family at all. */
const kernelLacksTable = /Table does not exist|Protocol not supported|Address family not supported/;

/** What one run of a program left. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** "iptables" or "ip6tables". */
export function programName(family: Family): string {
  return family === 4 ? "iptables" : "ip6tables";
}

/** Directories in which programs are searched, the first one first. */
export function searchPath(path: string | undefined): string[] {
  const own = (path ?? "").split(":").filter((directory) => directory.startsWith("/"));
  return [...new Set([...own, ...usualDirectories])];
}

/**
 * Finds `iptables-save` and its like.
 *
 * @throws IptablesUnavailable (code 101) when it is not installed.
 */
export function findProgram(family: Family, kind: ProgramKind): string {
  const file = findIn(searchPath(process.env["PATH"]), `${programName(family)}-${kind}`);
  if (file !== undefined) return file;
  throw new IptablesUnavailable(
    ErrorCode.programMissing,
    `${programName(family)} not found: there is no ${programName(family)}-${kind} in ${searchPath(process.env["PATH"]).join(":")}`,
    'install the package "iptables"',
  );
}

function findIn(directories: readonly string[], name: string): string | undefined {
  return directories.map((directory) => `${directory}/${name}`).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * Says early that the programs for this family are missing. Returns the path of iptables-restore.
 *
 * @throws CniError code 101
 */
export function requireIptables(family: Family): string {
  findProgram(family, "save");
  return findProgram(family, "restore");
}

/** True when the programs for this family are installed. */
export function hasIptables(family: Family): boolean {
  const directories = searchPath(process.env["PATH"]);
  return (["save", "restore"] as const).every(
    (kind) => findIn(directories, `${programName(family)}-${kind}`) !== undefined,
  );
}

export interface ProgramOptions {
  /** As in ChildOptions. */
  readonly input?: string;
  /** As in ChildOptions. */
  readonly heldFds?: readonly number[];
}

/** Starts a program. Throws IptablesUnavailable when it cannot be started. */
export function startProgram(
  file: string,
  args: readonly string[],
  { input, heldFds }: ProgramOptions = {},
): Child {
  try {
    return startChild(file, args, {
      // The children look for modprobe and for their own configuration as the administrator's shell would.
      env: { ...process.env, PATH: searchPath(process.env["PATH"]).join(":") },
      ...(input !== undefined && { input: Buffer.from(input) }),
      ...(heldFds !== undefined && { heldFds }),
    });
  } catch (error) {
    throw new IptablesUnavailable(
      ErrorCode.programMissing,
      errorText(error),
      "it must be an executable file for this machine",
    );
  }
}

/** The error that a failed run stands for: what the program said comes first. */
export function programFailure(what: string, file: string, outcome: Outcome): CniError {
  const said = outcome.stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#") && !line.startsWith("Try `"))
    .join("; ");
  const end = outcome.status === null ? "it was killed" : `exit status ${outcome.status}`;
  const msg = `${what}: ${said === "" ? end : said}`;
  const details = `${file}: ${end}`;
  return kernelLacksTable.test(said)
    ? new IptablesUnavailable(ErrorCode.programFailed, msg, `${details}; see the kernel options in README.md`)
    : new CniError(ErrorCode.programFailed, msg, details);
}
