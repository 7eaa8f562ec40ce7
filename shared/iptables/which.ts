import { accessSync, closeSync, constants, openSync, readlinkSync, statSync } from "node:fs";
import { Failure } from "../errors/failure.ts";
import { asSystemError, nodeErrno } from "../errors/system-error.ts";
import { O_PATH } from "../linux/fcntl.ts";
import { IptablesUnavailable } from "./unavailable.ts";

export type Family = 4 | 6;
export type ProgramKind = "save" | "restore";

/** A program to run. One file can be many programs, which are told apart by what they are called. */
export interface Program {
  readonly file: string;
  /** What it is called by (argv[0]), where that is not the file. */
  readonly name?: string;
}

/** Where rules are kept: both are called iptables, and neither sees the other's. */
export type Variant = "nft" | "legacy";

/** Tells the variant of an `iptables` that does not show it by its name: what it says of itself. */
type Ask = (iptables: string) => Variant | undefined;

/** Where administrators' programs are when the environment has no PATH, or one without them. */
const usualDirectories = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin"];

/** What open(2) says of a file that is not there, or that no shell would run. */
const absent = ["ENOENT", "ENOTDIR", "EACCES", "ELOOP", "ENAMETOOLONG"];

// fcntl.h

/** "iptables" or "ip6tables". */
export function programName(family: Family): string {
  return family === 4 ? "iptables" : "ip6tables";
}

/** Directories in which programs are searched, the first one first. */
export function searchPath(path: string | undefined): string[] {
  const own = (path ?? "").split(":").filter((directory) => directory.startsWith("/"));
  return [...new Set([...own, ...usualDirectories])];
}

/** True when `iptables`, or for IPv6 `ip6tables`, is installed. Throws SystemError when that cannot be told. */
export function hasIptables(family: Family): boolean {
  return findIptables(family) !== undefined;
}

/**
 * Finds the `iptables-save` or `-restore` that goes with the `iptables` in PATH, so that rules go where its user sees
 * them: the one beside it, unless that is plainly of the other variant; else itself under that name, since most are
 * programs of many names; else one of its variant from anywhere in PATH.
 *
 * @throws IptablesUnavailable when there is no `iptables`; Failure `missing` when none goes with it.
 */
export function findProgram(family: Family, kind: ProgramKind, ask: Ask): Program {
  const name = programName(family);
  const iptables = findIptables(family);
  if (iptables === undefined) {
    const path = searchPath(process.env["PATH"]).join(":");
    throw new IptablesUnavailable("missing", `${name} not found: it is not in ${path}`, {
      advice: 'install the package "iptables"',
    });
  }
  const beside = `${iptables}-${kind}`;
  const isBeside = isExecutable(beside);
  if (isBeside && isSameFile(beside, iptables)) return { file: beside };
  const target = realPath(iptables);
  const known = variantOf(target);
  const besides = isBeside ? variantOf(realPath(beside)) : undefined;
  // A program that somebody has put there shows no variant: he will have thought of it.
  if (isBeside && (besides === undefined || besides === known)) return { file: beside };
  if (known !== undefined) return { file: target, name: `${name}-${kind}` };
  const besideTarget = `${target}-${kind}`;
  if (!isBeside && isExecutable(besideTarget)) return { file: besideTarget };
  const variant = ask(iptables);
  if (isBeside && (variant === undefined || variant === besides)) return { file: beside };
  const found = findOfVariant(`${name}-${kind}`, variant);
  if (found !== undefined) return found;
  throw new Failure(
    "missing",
    `${name}-${kind} not found: none goes with ${iptables}${variant === undefined ? "" : `, which is of the variant ${variant}`}`,
    { advice: `install the rest of that iptables, or link ${beside} to its ${name}-${kind}` },
  );
}

function findIptables(family: Family): string | undefined {
  return candidates(programName(family)).find(isExecutable);
}

function candidates(name: string): string[] {
  return searchPath(process.env["PATH"]).map((directory) => `${directory}/${name}`);
}

function findOfVariant(name: string, variant: Variant | undefined): Program | undefined {
  const plain = candidates(name).filter(isExecutable);
  if (variant === undefined) return plain[0] === undefined ? undefined : { file: plain[0] };
  const fitting = plain.find((file) => variantOf(realPath(file)) === variant);
  if (fitting !== undefined) return { file: fitting };
  const named = candidates(name.replace("-", `-${variant}-`)).find(isExecutable);
  if (named !== undefined) return { file: named };
  const multi = candidates(`xtables-${variant}-multi`).find(isExecutable);
  return multi === undefined ? undefined : { file: multi, name };
}

/** The variant by the name of the file that holds its programs; undefined for a script, or a name unknown to us. */
function variantOf(file: string): Variant | undefined {
  const base = file.slice(file.lastIndexOf("/") + 1);
  if (base === "xtables-multi") return "legacy";
  const [, variant] = /^(?:xtables-(nft|legacy|compat)-multi|ip6?tables-(nft|legacy).*)$/.exec(base) ?? [];
  if (variant === undefined) return undefined;
  return variant === "legacy" ? "legacy" : "nft";
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch (error) {
    if (absent.includes(nodeErrno(error) ?? "")) return false;
    throw asSystemError(`cannot look for ${file}`, error);
  }
}

function isSameFile(one: string, other: string): boolean {
  const [first, second] = [statSync(one), statSync(other)];
  return first.ino === second.ino && first.dev === second.dev;
}

/** Where links lead to in the end. Without /proc, and when it is gone by now, the path as it is. */
function realPath(path: string): string {
  try {
    const fd = openSync(path, O_PATH);
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } finally {
      closeSync(fd);
    }
  } catch {
    return path;
  }
}
