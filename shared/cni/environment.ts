import { interfaceNameProblem } from "../linux/interface-name.ts";
import { CniError, ErrorCode } from "./errors/cni-error.ts";

const commands = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"] as const;
export type Command = (typeof commands)[number];

/** The `CNI_*` variables of one call. Empty and unset are the same: "". */
export interface Environment {
  /** Empty when the executable was started by hand; otherwise not yet checked to be a known command. */
  readonly command: string;
  readonly containerId: string;
  readonly netns: string;
  readonly ifname: string;
  readonly args: string;
  readonly path: string;
  /** The caller says that the plugin's own namespace is a legal target. */
  readonly netnsOverride: boolean;
}

/** The variables of a process. */
export type Variables = Readonly<Record<string, string | undefined>>;

const required: Readonly<Record<string, readonly string[]>> = {
  CNI_CONTAINERID: ["ADD", "CHECK", "DEL"],
  CNI_NETNS: ["ADD", "CHECK"],
  CNI_IFNAME: ["ADD", "CHECK", "DEL"],
  CNI_PATH: ["ADD", "CHECK", "DEL", "GC", "STATUS"],
};

/** Containers and networks: CNI SPEC 1.1.0, section "Parameters" and "Network configuration format". */
const identifier = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

// Go's unicode.IsSpace, which the reference library uses; JavaScript's \s differs in U+0085 and U+FEFF.
const whiteSpace = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

export function isCommand(text: string): text is Command {
  return commands.some((command) => command === text);
}

/** True for what may name a container or a network. */
export function isIdentifier(text: string): boolean {
  return identifier.test(text);
}

/**
 * Reads and validates the variables that the command needs. The first invalid value is reported before any missing
 * one, as the reference library does.
 *
 * @throws CniError code 4.
 */
export function readEnvironment(variables: Variables): Environment {
  const command = variables["CNI_COMMAND"] ?? "";
  const value = (name: string): string => variables[name] ?? "";
  const needs = (name: string): boolean => required[name]?.includes(command) ?? false;

  if (needs("CNI_CONTAINERID") && value("CNI_CONTAINERID") !== "") checkContainerId(value("CNI_CONTAINERID"));
  if (needs("CNI_IFNAME") && value("CNI_IFNAME") !== "") checkInterfaceName(value("CNI_IFNAME"), command);

  const missing = Object.keys(required).filter((name) => needs(name) && value(name) === "");
  if (missing.length > 0) {
    throw new CniError(
      ErrorCode.invalidEnvironment,
      `required env variables [${missing.join(",")}] missing`,
      `${command} needs them; the container runtime, or whoever calls the plugin by hand, sets them`,
    );
  }
  const override = value("CNI_NETNS_OVERRIDE");
  return {
    command,
    containerId: value("CNI_CONTAINERID"),
    netns: value("CNI_NETNS"),
    ifname: value("CNI_IFNAME"),
    // They belong to an attachment; what GC and STATUS may have inherited must not disturb them.
    args: command === "GC" || command === "STATUS" ? "" : value("CNI_ARGS"),
    path: value("CNI_PATH"),
    netnsOverride: override === "1" || override.toUpperCase() === "TRUE",
  };
}

function checkContainerId(text: string): void {
  if (isIdentifier(text)) return;
  throw new CniError(ErrorCode.invalidEnvironment, "invalid characters in containerID", text);
}

/** What only the kernel refuses is no matter at DEL: an ADD of other plugins may have left something under the name. */
function checkInterfaceName(text: string, command: string): void {
  const fail = (msg: string, details: string): never => {
    throw new CniError(ErrorCode.invalidEnvironment, msg, details);
  };
  if (Buffer.byteLength(text) > 15) {
    fail("interface name is too long", "interface name should be less than 16 characters");
  }
  if (text === "." || text === "..") fail("interface name is . or ..", "choose another CNI_IFNAME");
  if (/[/:]/.test(text) || whiteSpace.test(text)) {
    fail("interface name contains / or : or whitespace characters", text);
  }
  const problem = command === "DEL" ? undefined : interfaceNameProblem(text);
  if (problem !== undefined) {
    fail(
      `interface name ${JSON.stringify(text)} cannot be given to a link: ${problem}`,
      "choose another CNI_IFNAME",
    );
  }
}
